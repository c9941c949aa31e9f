// The page in a real browser: it decodes what it carries, paints it, and answers the keyboard. Skipped without Chromium.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/draw/page.h"
#include "draw/readback.h"
#include "draw/samples.h"

namespace attend {
namespace {

/// Presses keys, then writes the canvas' pixels at cell centres and the spoken text into the document.
constexpr char kProbe[] = R"(<script>
const seen = { pixels: [], errors: [] };
addEventListener('error', e => seen.errors.push(String(e.message)));
addEventListener('securitypolicyviolation', e => seen.errors.push('policy: ' + e.violatedDirective));
const canvas = document.getElementById('canvas');
const R = data.scenes[state.scene].rows.labels.length, C = data.scenes[state.scene].columns.labels.length;
const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
for (let r = 0; r < R; ++r) for (let c = 0; c < C; ++c) {
  const x = Math.floor((c + 0.5) * canvas.width / C), y = Math.floor((r + 0.5) * canvas.height / R);
  const at = 4 * (y * canvas.width + x);
  seen.pixels.push(Array.from(pixels.data.subarray(at, at + 3)));
}
seen.dark = dark.matches;
seen.start = document.getElementById('spoken').textContent;
canvas.focus();
for (const key of ['ArrowDown', 'ArrowRight', 't']) document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
seen.spoken = document.getElementById('spoken').textContent;
seen.weight = document.getElementById('weight').textContent;
seen.rank = document.getElementById('rank').textContent;
seen.table = document.getElementById('table').textContent;
seen.images = document.images.length;
const out = document.createElement('pre');
out.id = 'probe';
out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
document.body.append(out);
</script></body>)";

nlohmann::json probe(std::string page) {
  const auto end = page.rfind("</body>");
  page.replace(end, 7, kProbe);
  const std::string folder = testing::TempDir() + "attend_browser";
  std::filesystem::create_directories(folder);
  write_file_atomic(folder + "/page.html", page);
  const std::string command = "chromium --headless --no-sandbox --disable-gpu --user-data-dir=" + folder + "/profile --dump-dom file://" +
                              folder + "/page.html 2>/dev/null";
  std::string dom;
  FILE* pipe = popen(command.c_str(), "r");
  char block[4096];
  for (std::size_t n = 0; (n = std::fread(block, 1, sizeof block, pipe)) > 0;) dom.append(block, n);
  pclose(pipe);
  std::filesystem::remove_all(folder);
  const std::string mark = "<pre id=\"probe\">";
  const auto begin = dom.find(mark);
  if (begin == std::string::npos) throw std::runtime_error("the page did not come up");
  return nlohmann::json::parse(
      readback::decode_base64(dom.substr(begin + mark.size(), dom.find('<', begin + mark.size()) - begin - mark.size())));
}

TEST(Browser, PageShowsTheWorkedExample) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  const Scene scene = heatmap_scene(samples::love());
  const auto seen = probe(draw_html(scene));
  EXPECT_EQ(seen["errors"], nlohmann::json::array());
  const auto& table = colour_table(Palette::kSequential, seen["dark"].get<bool>() ? Theme::kDark : Theme::kLight);
  ASSERT_EQ(seen["pixels"].size(), 9u);
  for (std::size_t i = 0; i < 9; ++i) {
    const Rgb wanted = table[colour_index(scene.panels[0].values[i])];
    EXPECT_EQ(seen["pixels"][i], (nlohmann::json{wanted.r, wanted.g, wanted.b})) << i;
  }
  EXPECT_EQ(seen["spoken"], "爱, target 2 of 3. love: 0.88. Row: love 0.88, you 0.07, I 0.04. Reads 1.5 tokens.");
  EXPECT_EQ(seen["start"], "我, target 1 of 3. I: 0.72. Row: I 0.72, you 0.26, love 0.02. Reads 2.0 tokens.");
  EXPECT_EQ(seen["weight"], "0.8835");
  EXPECT_EQ(seen["rank"], "1 of 3");
  EXPECT_EQ(seen["table"], "ranksourceweight1love0.88352you0.07253I0.0440");
}

TEST(Browser, HostileTokensDoNothing) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  const auto seen = probe(draw_html(samples::hostile()));
  EXPECT_EQ(seen["errors"], nlohmann::json::array());
  EXPECT_EQ(seen["images"], 0);
}

}  // namespace
}  // namespace attend
