#pragma once
// Records of what a model has run: its tokens, what was found, what it looked at.
#include <string>
#include <vector>

#include "attend/run/copies.h"
#include "attend/run/text_batches.h"
#include "attend/search/search.h"

namespace attend {

// Tokens as records hold them.
std::vector<RecordToken> record_tokens(const std::vector<TextToken>& tokens);
// </s> and its like, at a place of the text where nothing stands.
RecordToken special_token(std::int32_t id, std::size_t place);
// A record of `about`, which says what was read and by which model, with what a search found and looked at. `words` are the source's own;
// of a forced run `given` is the text that was forced: it is shown as it was given, and what the vocabulary does not know is not <unk>.
std::shared_ptr<const Record> finish_record(RecordData about, const Tokenizer& tokenizer, SearchResult& found, const CopyWords& words = {},
                                            const std::string* given = nullptr);
// What every record says of the model.
RecordData record_about(const ModelOptions& model, const char* task = "translate");

}  // namespace attend
