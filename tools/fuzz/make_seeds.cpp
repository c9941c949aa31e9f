// The seeds that are no text: made by the project's own writers, and small.
#include <filesystem>

#include "attend/core/archive.h"
#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/data/idx.h"
#include "attend/data/image.h"
#include "attend/record/record.h"
#include "attend/text/tokenizer.h"
#include "core/npy.h"
#include "draw/samples.h"
#include "fuzz.h"
#include "record/random_record.h"

namespace attend::fuzz {
namespace {

constexpr float kNumbers[] = {1.5F, -2.0F, 0.0F, 1e-30F, 3e30F, 0.1F};

void write_records(const std::string& path, const std::vector<RecordData>& records) {
  RecordWriter writer(path);
  for (const auto& record : records) writer.add(Record(record));
  writer.close();
}

/// Small records of every kind: picture, story, beams, scripts.
void make_records(const std::string& folder) {
  for (std::uint64_t seed = 0, kept = 0; kept < 5; ++seed) {
    const auto path = fmt::format("{}/random{}.npz", folder, kept);
    write_records(path, {random_record(seed)});
    if (std::filesystem::file_size(path) < 16'000) ++kept;
  }
  write_records(folder + "/love.npz", {samples::love().data()});
  write_records(folder + "/hostile.npz", {samples::hostile().data()});
  write_records(folder + "/story.npz", {samples::story().data()});
  auto house = samples::house().data();
  house.picture->width = 8;
  house.picture->height = 6;
  house.picture->rgb.resize(8 * 6 * 3);
  write_records(folder + "/house.npz", {house, samples::love().data()});
}

}  // namespace

void make_seeds(const std::string& folder) {
  const auto place = [&](const char* target) {
    const auto own = folder + "/" + target;
    std::filesystem::create_directories(own);
    return own;
  };
  make_records(place("record"));

  const ArrayView floats{Dtype::kF32, {2, 3}, kNumbers}, scalar{Dtype::kF32, {}, kNumbers}, none{Dtype::kF32, {0, 5}, nullptr};
  {
    ArchiveWriter writer(place("zip") + "/two.zip");
    writer.add("a", "first");
    writer.add_array("b", floats);
    writer.close();
  }
  const auto npy = place("npy");
  for (const auto& [name, view] : {std::pair{"floats", floats}, {"scalar", scalar}, {"none", none}})
    write_file_atomic(npy + "/" + name + ".npy",
                      npy_header(view, name) + std::string(reinterpret_cast<const char*>(kNumbers), view.bytes()));
  write_safetensors(place("safetensors") + "/three.safetensors", {{"floats", floats}, {"scalar", scalar}, {"none", none}},
                    {{"writer", "attend"}});

  TokenizerOptions options;
  options.vocabulary_size = 60;
  for (const auto* kind : {"unigram", "bpe"}) {
    options.kind = kind;
    const auto tokenizer = train_tokenizer(options, [](const auto& take) {
      for (int i = 0; i < 4; ++i) take("the cat sat on the mat, and the cats sat");
    });
    write_file_atomic(place("pieces") + "/" + kind + ".model", tokenizer->serialize());
  }

  write_file_atomic(place("idx") + "/two.idx.gz", to_idx_gz(IdxImages{2, 2, 3, std::vector<std::uint8_t>(12, 7)}));
  write_file_atomic(place("idx") + "/labels.idx.gz", to_idx_gz(std::vector<std::uint8_t>{1, 2, 3}));
  write_file_atomic(place("picture") + "/grey.png", to_png({5, 4, 1, std::vector<std::uint8_t>(20, 9)}));
  write_file_atomic(place("picture") + "/colour.png", to_png({3, 2, 3, std::vector<std::uint8_t>(18, 200)}));
}

}  // namespace attend::fuzz
