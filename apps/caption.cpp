// attend caption
#include "attend/core/printable.h"
#include "attend/run/captions.h"
#include "output.h"
#include "searching.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct CaptionFlags {
  SearchOptions search;
  RunnerOptions runner;
  std::string record;
  CaptionFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(record, "record", "", "file for the record of where each word looked (see attend draw)");
    search.visit(v);
    runner.visit(v);
  }
};

int caption(const Arguments& arguments) {
  const auto& path = arguments.words[0];
  CaptionFlags flags;
  flags.search = read_stored_options<SearchOptions>(path, "decode");
  flags = arguments.read(flags);
  const Runner runner(path, flags.runner);
  runner.writer(Matter::kPicture);
  auto control = settle_search(flags.search, arguments);
  Output out("-");
  RecordOutput writer(flags.record, arguments.common.quiet);
  control.record = static_cast<bool>(writer);
  catch_interrupts();
  constexpr std::size_t kTogether = 64;
  std::uint64_t number = 0;
  for (std::size_t begin = 1; begin < arguments.words.size(); begin += kTogether) {
    const auto end = std::min(arguments.words.size(), begin + kTogether);
    PictureSet set(std::vector<std::string>(arguments.words.begin() + static_cast<std::ptrdiff_t>(begin),
                                            arguments.words.begin() + static_cast<std::ptrdiff_t>(end)));
    stop_if_interrupted();
    tell(set.told(), arguments.common.quiet);
    set.load(runner.model().model);
    std::vector<std::size_t> items(set.size());
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
    const auto captions = runner.caption(set, items, flags.search, control);
    for (std::size_t i = 0; i < captions.size(); ++i) {
      for (const auto& best : captions[i].best) out.line(fmt::format("{}\t{}", printable(set.name(i)), best.text));
      if (writer) writer.add(*captions[i].record, number++);
    }
    out.flush();
  }
  writer.close();
  return 0;
}

}  // namespace

Command caption_command() {
  return {.name = "caption",
          .sentence = "Say what is in pictures.",
          .words = "MODEL FILE...",
          .details =
              "PNG and JPEG files; each answer: file TAB caption.\n"
              "Example:\n  attend caption runs/shapes a.png --record a.record.npz && attend draw a.record.npz",
          .model_first = true,
          .paths = kAllWords,
          .fewest_words = 2,
          .most_words = 1000000,
          .options = flags_of<CaptionFlags>(),
          .run = caption};
}

}  // namespace attend::cli
