// The page in a real browser: it decodes what it carries, paints it, and answers the keyboard. Skipped without Chromium.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/draw/page.h"
#include "draw/overlay.h"
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

/// Writes the pixels of all pictures and the cells of the list into the document, then shows the record's next map.
constexpr char kFigures[] = R"(<script>
const seen = { errors: [], dark: dark.matches };
addEventListener('error', e => seen.errors.push(String(e.message)));
seen.pictures = [...document.querySelectorAll('figure')].map(figure => {
  const canvas = figure.querySelector('canvas'), pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return { caption: figure.textContent, said: canvas.getAttribute('aria-label'), pixels: Array.from(pixels).filter((_, i) => i % 4 < 3) };
});
seen.list = [...document.querySelectorAll('#list tr')].map(line => [...line.children].map(cell => cell.textContent));
seen.grounds = [...document.querySelectorAll('#list td')].map(cell => cell.style.background);
seen.title = document.getElementById('title').textContent;
seen.body = document.getElementById('body').hidden;
showScene(1);
seen.next = [document.getElementById('figure').hidden, document.getElementById('body').hidden, document.querySelectorAll('#canvas').length];
const out = document.createElement('pre');
out.id = 'probe';
out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
document.body.append(out);
</script></body>)";

nlohmann::json probe(std::string page, const char* script = kProbe) {
  const auto end = page.rfind("</body>");
  page.replace(end, 7, script);
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

TEST(Browser, PicturesLieUnderTheirWeights) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  const auto seen = probe(draw_html(samples::house()), kFigures);
  EXPECT_EQ(seen["errors"], nlohmann::json::array());
  EXPECT_EQ(seen["body"], true);
  SceneOptions options;
  options.theme = seen["dark"].get<bool>() ? Theme::kDark : Theme::kLight;
  const Scene scene = image_scene(samples::house(), options);
  ASSERT_EQ(seen["pictures"].size(), scene.rows() + 1);
  for (std::int32_t row = -1; row < static_cast<std::int32_t>(scene.rows()); ++row)
    EXPECT_EQ(seen["pictures"][static_cast<std::size_t>(row + 1)]["pixels"].get<std::vector<std::uint8_t>>(), overlay(scene, row)) << row;
  EXPECT_EQ(seen["pictures"][0]["caption"], "picture");
  EXPECT_EQ(seen["pictures"][6]["caption"], "sun");
  EXPECT_EQ(seen["pictures"][6]["said"], "sun reads 1,6 0.31, 0,6 0.16, 1,5 0.10");
  EXPECT_EQ(seen["next"], (nlohmann::json{true, false, 1}));
}

TEST(Browser, ListShowsTheStory) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  const auto seen = probe(draw_html(samples::story()), kFigures);
  EXPECT_EQ(seen["errors"], nlohmann::json::array());
  EXPECT_EQ(seen["title"], "Where is the teapot?");
  ASSERT_EQ(seen["list"].size(), 8u);
  EXPECT_EQ(seen["list"][0], (nlohmann::json{"", "hop 1", "hop 2", "hop 3"}));
  EXPECT_EQ(seen["list"][3], (nlohmann::json{"Hugo took the teapot.", "0.96", "0.17", "0.01"}));
  const Rgb wanted = colour_table(Palette::kSequential, seen["dark"].get<bool>() ? Theme::kDark : Theme::kLight)[colour_index(0.96F)];
  EXPECT_EQ(seen["grounds"][1 + 6], fmt::format("rgb({}, {}, {})", wanted.r, wanted.g, wanted.b));  // after the corner
  EXPECT_EQ(seen["next"], (nlohmann::json{true, false, 1}));
}

TEST(Browser, HostileTokensDoNothing) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) GTEST_SKIP() << "chromium is not installed";
  const auto seen = probe(draw_html(samples::hostile()));
  EXPECT_EQ(seen["errors"], nlohmann::json::array());
  EXPECT_EQ(seen["images"], 0);
}

}  // namespace
}  // namespace attend
