#pragma once
// What scenes of every kind say in the same words: title, model and mechanism, what was answered, and the warning under each.
#include <string>
#include <vector>

#include "attend/record/record.h"

namespace attend {

inline constexpr int kTitleColumns = 60;  // of each text and name in titles
inline constexpr char kWhereNotWhy[] =
    "The weights show where this attention read, not why the model answered as it did. Faithfulness: not measured.";

/// "source → target", or the one that there is. Texts with letters that run from right to left are isolated (U+2068, U+2069), so that each
/// reads in its own direction and the arrow in between from left to right.
std::string title_of(const std::string& source, const std::string& target);

/// Model and mechanism, as far as the record names them: what a subtitle begins with.
std::vector<std::string> made_by(const RecordData& data);

/// What was answered or which class was chosen, how likely, and the right one where it is known and another; empty for texts.
std::string answer_of(const RecordData& data, std::size_t hypothesis);

/// Both, with a space between where neither is empty.
std::string sentences(const std::string& first, const std::string& second);

}  // namespace attend
