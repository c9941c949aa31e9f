#pragma once
// What a file is that was given where text is expected.
#include <string>
#include <string_view>

namespace attend {

/// What the bytes of a file look like that no reader of text takes, with its cure: "this is a gzip file; unpack it with gunzip". Empty
/// for what may be text. `documents`: also texts that are another thing than lines (a page of HTML, questions in SQuAD's form, the
/// vocabulary of another program), which a language model may read all the same.
std::string foreign_file(std::string_view bytes, bool documents);

/// Pictures and packed files by their first bytes: "a GIF picture"; empty when not known.
std::string binary_kind(std::string_view bytes);

}  // namespace attend
