#pragma once
// Data made by rule for the tasks beyond translation, as the files of the published formats: small enough that a small model
// learns each within minutes, and with test sets that training never shows, most of them of unseen combinations. The same seed
// gives the same bytes everywhere; pictures and digits are compressed: bytes may differ between versions of zlib, pixels do not.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/synthetic/generate.h"

namespace attend {

struct GeneratedFile {
  std::string name;  ///< under the folder, with "/" before a subfolder's
  std::string bytes;
};
using GeneratedFiles = std::vector<GeneratedFile>;

/// train.tsv, dev.tsv and test.tsv, a pair a line as to_tsv_line writes it.
GeneratedFiles to_tsv_files(const GeneratedSet& set);

/// Short news stories of two or three sentences and their headlines, 6,000 training, 300 dev and 500 test pairs; tokens between
/// spaces. People, places and companies have names made of syllables; dev and test names are never seen in training. Links tie
/// each headline word but "in" and "its" to where the story says it: sure to the first place, possible to later ones.
GeneratedSet generate_headlines(std::uint64_t seed);

/// Invented words, their letters to phonemes, by English-like rules with context: silent e, digraphs, double letters, soft c and g.
/// 8,000 training, 500 dev and 500 test words. The source is the word (links count its letters), the target phonemes between spaces.
/// A test word holds an onset with a vowel that no training word holds.
GeneratedSet generate_spelling(std::uint64_t seed);

/// `pairs` different commands and the actions they stand for, "jump around left and run twice" to "I_TURN_LEFT I_JUMP ...": the grammar
/// of SCAN, which has 20,910 (Lake & Baroni 2018). Each action has a sure link to the verb or direction that asks for it. Throws kValue.
std::vector<GeneratedPair> generate_commands(std::uint64_t pairs, std::uint64_t seed);

/// `pairs` sequences of `length` numbers, of which a random count of 1 to `length` are 1 or -1 and the others 0, and whether the ones
/// are odd in number ("1") or even ("0") (Graves 2016, §3.1). Each is drawn for itself, so that those of few numbers, which are few,
/// are as common as the others and repeat: without them a network finds no way into the longer ones. No links. Throws kValue.
std::vector<GeneratedPair> generate_parity(std::uint64_t pairs, std::uint64_t length, std::uint64_t seed);

/// Random vectors of eight bits to be copied, "01100101 11010001 ...", `shortest` to `longest` of them, evenly; links t to t. Throws
/// kValue.
std::vector<GeneratedPair> generate_bits(std::uint64_t pairs, std::uint64_t shortest, std::uint64_t longest, std::uint64_t seed);

/// Stories with questions in bAbI's format (read_babi): train.txt, dev.txt, test.txt of 2,000, 150 and 300 stories with three
/// questions each. "Where is Anna?", "Where is the kite?" (two facts), "What does Anna carry?" (a thing or nothing), "Is Anna in the
/// shed?" (yes, no). A test story holds a person with a place or thing that training never brings together.
GeneratedFiles generate_stories(std::uint64_t seed);

/// Clozes in CMRC's format (read_cloze) about the same world: en/ and zh/, in each train, dev and test as .doc_query and .answer;
/// 20,000, 300 and 500 questions. The document says who went where and who took what; the sentence with the blank says one of these
/// again in other words. All documents differ. Persons meet every place and thing in training too: where two never meet, a reader
/// learns that they never do, which is true there and wrong in the test.
GeneratedFiles generate_clozes(std::uint64_t seed);

/// Opinions as `label sentence` (read_labelled), 1 for good and 0 for bad, half and half: train.txt, dev.txt, test.txt of 6,000, 400
/// and 600. Negation turns the opinion ("not bad at all"), contrast lets one clause win ("dull at first but ..."). A test sentence
/// holds a negation with an adjective, or a noun with an adjective, that training never brings together.
GeneratedFiles generate_polarity(std::uint64_t seed);

/// Sentences with agreement over nested clauses for language models, one a line, tokens between spaces: train.txt, dev.txt and
/// test.txt of 8,000, 400 and 400, all different. A test sentence has a subject with a verb that training never brings together.
GeneratedFiles generate_sentences(std::uint64_t seed);

/// Drawn pictures of 32 x 32 with one or two circles, squares or triangles, and five captions each, as Flickr8k has them
/// (read_captions): images/NAME.png, captions.txt (`NAME.png#k TAB caption`), and lists train.txt, dev.txt, test.txt of 4,000, 200
/// and 300 names. Every colour is seen in every shape and size (as for clozes).
GeneratedFiles generate_shapes(std::uint64_t seed);

/// Digits drawn from strokes with jitter, slant and thickness in MNIST's files (read_idx): 28 x 28, 5,000 for training and 1,000 for
/// the test: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, and the same with t10k.
GeneratedFiles generate_digits(std::uint64_t seed);

}  // namespace attend
