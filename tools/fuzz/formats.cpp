// Targets: what others publish (corpora, stories, pictures) and pack (tar, gzip).
#include "attend/core/error.h"
#include "attend/data/babi.h"
#include "attend/data/captions.h"
#include "attend/data/cloze.h"
#include "attend/data/corpus.h"
#include "attend/data/idx.h"
#include "attend/data/image.h"
#include "attend/data/labelled.h"
#include "attend/data/text_stream.h"
#include "fuzz.h"

namespace attend::fuzz {
namespace {

/// Labelled texts in one form, and the same file without its labels.
void read_in_form(const std::string& path, const char* format) {
  LabelledOptions options;
  options.form.format = format;
  attempt([&] {
    const auto corpus = read_labelled(path, options);
    for (const auto& example : corpus.examples) ATTEND_ASSERT(example.label < corpus.classes.size());
    touch(corpus.form);
  });
  attempt([&] {
    for (const auto& text : read_texts(path, options)) touch(text.text);
  });
}

}  // namespace

void run_corpus(std::string_view bytes) {
  const auto walk = [](const ParallelCorpus& corpus) {
    for (std::size_t i = 0; i < corpus.size(); ++i) {
      touch(corpus.source(i));
      touch(corpus.target(i));
      touch(corpus.extra(i));
      touch(corpus.place(i));
    }
  };
  const MemoryFile whole(bytes), half(bytes.substr(bytes.size() / 2));
  CorpusOptions options;
  options.skip_broken = true;
  attempt([&] { walk(ParallelCorpus::from_tsv(whole.path(), {})); });
  attempt([&] { walk(ParallelCorpus::from_tsv(whole.path(), options)); });
  attempt([&] { walk(ParallelCorpus::from_files(whole.path(), half.path(), options)); });
  attempt([&] { touch(read_text(whole.path())); });
}

void run_babi(std::string_view bytes) {
  const MemoryFile file(bytes);
  (void)read_babi(file.path(), !bytes.empty() && bytes[0] % 2 == 0);
}

void run_cloze(std::string_view bytes) {
  const MemoryFile questions(bytes), answers(bytes.substr(bytes.size() / 2));
  attempt([&] { (void)read_cloze(questions.path(), ""); });
  (void)read_cloze(questions.path(), answers.path());
}

void run_labelled(std::string_view bytes) {
  const MemoryFile file(bytes);
  for (const auto* format : {"auto", "lines"}) read_in_form(file.path(), format);
}

void run_table(std::string_view bytes) {
  const MemoryFile file(bytes);
  for (const auto* format : {"csv", "tsv", "jsonl", "json"}) read_in_form(file.path(), format);
}

void run_captions(std::string_view bytes) {
  const MemoryFile file(bytes);
  for (const auto& image : read_captions(file.path()))
    for (const auto& caption : image.captions) touch(plain_caption(caption));
}

void run_idx(std::string_view bytes) {
  const MemoryFile file(bytes);
  try {
    const auto images = read_idx_images(file.path());
    touch({reinterpret_cast<const char*>(images.pixels.data()), images.pixels.size()});
  } catch (const Error&) {
  }
  (void)read_idx_labels(file.path());
}

void run_picture(std::string_view bytes) {
  for (const auto channels : {Channels::kGrey, Channels::kRgb}) {
    const auto image = decode_image(bytes, "x", channels);
    const auto small = resize_image(image, 8, 5);
    touch({reinterpret_cast<const char*>(small.pixels.data()), small.pixels.size()});
  }
}

void run_archive(std::string_view bytes) {
  const MemoryFile file(bytes);
  const ImageStore store(file.path());
  for (const auto* name : {"a.png", "b.png"})
    if (store.holds(name)) touch(store.bytes(name));
}

}  // namespace attend::fuzz
