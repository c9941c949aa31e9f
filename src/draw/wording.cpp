#include "draw/wording.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <cmath>

#include "attend/draw/width.h"

namespace attend {
namespace {

std::string name_shown(const std::string& text) { return clip_text(visible_text(text), kTitleColumns); }

bool runs_from_right(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = -1;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    if (length <= 0) return false;
    const int direction = utf8proc_get_property(code)->bidi_class;
    if (direction == UTF8PROC_BIDI_CLASS_R || direction == UTF8PROC_BIDI_CLASS_AL) return true;
    i += static_cast<std::size_t>(length);
  }
  return false;
}

std::string isolated(const std::string& text) { return runs_from_right(text) ? "\u2068" + text + "\u2069" : text; }

}  // namespace

std::string title_of(const std::string& source, const std::string& target) {
  if (source.empty() || target.empty()) return isolated(source + target);
  return isolated(source) + " → " + isolated(target);
}

std::vector<std::string> made_by(const RecordData& data) {
  std::vector<std::string> names;
  if (!data.model.empty()) names.push_back(name_shown(data.model));
  if (data.mechanism.empty() || data.mechanism == "none") return names;
  const auto mechanism = name_shown(data.mechanism);
  names.push_back(mechanism.find("attention") == std::string::npos ? mechanism + " attention" : mechanism);
  return names;
}

std::string answer_of(const RecordData& data, std::size_t hypothesis) {
  if (data.task != "answer" || hypothesis >= data.hypotheses.size()) return {};
  const auto& answer = data.hypotheses[hypothesis];
  const auto right = data.options.find("right");
  const bool wrong = right != data.options.end() && right->second != answer.text.utf8;
  return fmt::format("Answer {} with probability {:.2f}{}.", name_shown(answer.text.utf8), std::exp(answer.log_prob),
                     wrong ? ", right is " + name_shown(right->second) : "");
}

std::string sentences(const std::string& first, const std::string& second) {
  return first.empty() || second.empty() ? first + second : first + " " + second;
}

}  // namespace attend
