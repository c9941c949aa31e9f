#pragma once
// Runs so small that an update takes milliseconds, for the tests of training.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "attend/attention/multi_head.h"
#include "attend/core/files.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "attend/synthetic/generate.h"
#include "attend/train/trainer.h"
#include "support/temp_folder.h"

namespace attend {

inline const std::atomic<bool> kGoOn{false};

// Reversing three letters.
class Training : public ::testing::Test {
 protected:
  void SetUp() override { write_data({.task = "reverse", .pairs = 120, .shortest = 2, .longest = 4, .symbols = 6}); }

  struct Short {
    std::string task;
    std::uint64_t pairs, shortest, longest, symbols, seed = 1;
  };
  static std::vector<GeneratedPair> short_pairs(const Short& s) {
    SequenceOptions sequences;
    sequences.task = s.task;
    sequences.pairs = s.pairs;
    sequences.minimum_length = s.shortest;
    sequences.maximum_length = s.longest;
    sequences.symbols = s.symbols;
    sequences.seed = s.seed;
    return generate_sequences(sequences);
  }
  void write_data(const Short& s) const {
    std::string text;
    for (const auto& pair : short_pairs(s)) text += to_tsv_line(pair) + "\n";
    write_file_atomic(folder_.path() + "/data.tsv", text);
  }

  Config config(const std::string& name, const std::vector<std::string>& changes = {}) const {
    GivenValues given;
    for (const char* base : {"text.source.kind=words", "text.target.kind=words", "model.embedding=8", "model.encoder_hidden=8",
                             "model.hidden=12", "model.heads=2", "model.feed_forward=16", "model.dropout=0.2", "train.batch_by=sentences",
                             "train.batch_size=16", "train.epochs=0", "train.steps=20", "train.validate_every=5", "train.validate_pairs=10",
                             "data.dev_pairs=20", "train.metric=loss", "train.rate=0.01"})
      set_given(given, base, "test");
    set_given(given, "data.tsv=" + folder_.path() + "/data.tsv", "test");
    for (auto& [key, value] : given) value.stored = true;  // for whichever task and model a test takes
    set_given(given, "train.out=" + folder_.path() + "/" + name, "test");
    for (const auto& change : changes) set_given(given, change, "test");
    Config c;
    assign(c, given);
    return c;
  }

  TrainResult train(const Config& c, bool resume = false, TrainEvents events = {}, const std::atomic<bool>& stop = kGoOn) const {
    Trainer::Start start;
    start.config = c;
    start.resume = resume;
    return Trainer(start, std::move(events)).run(stop);
  }
  /// What a run says on its way.
  std::string said_by(const Config& c, bool resume = false) const {
    std::string all;
    TrainEvents events;
    events.message = [&](const std::string& line) { all += line + "\n"; };
    train(c, resume, events);
    return all;
  }
  std::string at(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string weights(const std::string& run) const { return checksum_file(folder_.path() + "/" + run + "/last/weights.safetensors"); }
  std::string optimiser(const std::string& run) const { return checksum_file(folder_.path() + "/" + run + "/last/optimiser.safetensors"); }

  TempFolder folder_;
};

}  // namespace attend
