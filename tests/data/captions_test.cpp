#include "attend/data/captions.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "attend/data/image.h"
#include "gzipped.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;
using Words = std::vector<std::string>;

/// Packs (name, bytes) pairs; `filter` adds the compression.
void pack(const std::string& path, const std::vector<std::pair<std::string, std::string>>& files, int (*filter)(archive*)) {
  auto* const out = archive_write_new();
  filter(out);
  archive_write_set_format_ustar(out);
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  for (const auto& [name, bytes] : files) {
    auto* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, name.ends_with('/') ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_write_header(out, entry);
    archive_write_data(out, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

TEST(Captions, AreGatheredByPicture) {
  TextFolder folder;
  const auto path =
      folder.write("c", "b.jpg#1\ta second one .\na.jpg#0\tone\t.\nb.jpg#0\t the first one .\r\n\nc.jpg.1#10\tten\nc.jpg.1#9\tnine\n");
  const auto images = read_captions(path);
  ASSERT_EQ(images.size(), 3u);
  EXPECT_EQ(images[0].name, "b.jpg");
  EXPECT_EQ(images[0].captions, (Words{"the first one .", "a second one ."}));
  EXPECT_EQ(images[1].captions, (Words{"one\t."}));
  EXPECT_EQ(images[2].name, "c.jpg.1");  // the published file has such a name
  EXPECT_EQ(images[2].captions, (Words{"nine", "ten"}));
  const auto split = read_captions(path, folder.write("s", "a.jpg\r\nb.jpg\n\n"));
  ASSERT_EQ(split.size(), 2u);
  EXPECT_EQ(split[0].name, "a.jpg");
  EXPECT_EQ(split[1].captions.size(), 2u);
}

TEST(Captions, BrokenLinesAreNamed) {
  TextFolder folder;
  const auto read = [&](const std::string& text) { return read_captions(folder.write("c", text)); };
  const auto at = [&](int line) { return folder.path("c") + ":" + std::to_string(line) + ": "; };
  EXPECT_ERROR(read("a.jpg#0\tx\na.jpg#1 y\n"), kData, at(2) + "expected 'name.jpg#0', tab, caption; got 'a.jpg#1 y'");
  EXPECT_ERROR(read("a.jpg\tx\n"), kData, at(1) + "expected 'name.jpg#0'");
  EXPECT_ERROR(read("a.jpg#\tx\n"), kData, at(1) + "expected 'name.jpg#0'");
  EXPECT_ERROR(read("a.jpg#1a\tx\n"), kData, at(1) + "expected 'name.jpg#0'");
  EXPECT_ERROR(read("#0\tx\n"), kData, at(1) + "expected 'name.jpg#0'");
  EXPECT_ERROR(read("a.jpg#0\t \n"), kData, at(1) + "expected 'name.jpg#0'");
  EXPECT_ERROR(read("../a.jpg#0\tx\n"), kData, at(1) + "expected a file's name without a folder, got '../a.jpg'");
  EXPECT_ERROR(read("a.jpg#0\tx\na.jpg#0\ty\n"), kData, at(2) + "a.jpg#0 stands here a second time");
  const auto good = folder.write("c", "a.jpg#0\tx\n");
  EXPECT_ERROR(read_captions(good, folder.write("s", "a.jpg\nb.jpg\n")), kData,
               folder.path("s") + ":2: " + good + " has no caption for 'b.jpg'");
  EXPECT_ERROR(read_captions(good, folder.write("s", "a.jpg\na.jpg\n")), kData, folder.path("s") + ":2: 'a.jpg' is listed a second time");
  EXPECT_ERROR(read_captions(good, folder.write("s", "\n")), kData, "holds only blank lines");
}

TEST(ImageStore, FoldersAndArchivesHoldTheSame) {
  TextFolder folder;
  const std::string large(200000, 'x');
  pack(folder.path("a.tar"), {{"pictures/", ""}, {"pictures/one.jpg", "1"}, {"two.jpg", large}}, archive_write_add_filter_none);
  pack(folder.path("a.tar.gz"), {{"./one.jpg", "1"}, {"./two.jpg", large}}, archive_write_add_filter_gzip);
  pack(folder.path("a.tar.xz"), {{"one.jpg", "1"}, {"two.jpg", large}}, archive_write_add_filter_xz);
  std::filesystem::create_directory(folder.path("d"));
  folder.write("d/one.jpg", "1");
  folder.write("d/two.jpg", large);
  for (const auto* name : {"a.tar", "a.tar.gz", "a.tar.xz", "d"}) {
    const ImageStore store(folder.path(name));
    EXPECT_EQ(store.bytes("one.jpg"), "1") << name;
    EXPECT_EQ(store.bytes("two.jpg"), large) << name;
    EXPECT_FALSE(store.holds("three.jpg"));
    EXPECT_ERROR(store.bytes("three.jpg"), kData, folder.path(name) + ": there is no picture 'three.jpg'");
    EXPECT_EQ(store.place("one.jpg"), folder.path(name) + "/one.jpg");
    store.check_holds({{"one.jpg", {}}});
    EXPECT_ERROR(store.check_holds({{"one.jpg", {}}, {"x.jpg", {}}, {"y.jpg", {}}}), kData, "'x.jpg' in it, and 2 of 3 are missing");
  }
}

TEST(ImageStore, ArchivesThatCannotBeRead) {
  TextFolder folder;
  std::string noise;
  for (unsigned i = 0; i < 100000; ++i) noise += static_cast<char>(i * i * 2654435761U >> 24);
  pack(folder.path("a.tar.xz"), {{"one.jpg", noise}}, archive_write_add_filter_xz);
  std::ifstream in(folder.path("a.tar.xz"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  EXPECT_ERROR(ImageStore(folder.write("cut.tar.xz", whole.substr(0, whole.size() / 2))), kData, folder.path("cut.tar.xz") + ": ");
  EXPECT_ERROR(ImageStore(folder.write("text", "no archive at all")), kData, folder.path("text") + ": expected a folder or a tar archive");
  EXPECT_ERROR(ImageStore(folder.write("empty", "")), kData, folder.path("empty") + ": ");
  EXPECT_ERROR(ImageStore(folder.path("none")), kFile, folder.path("none"));
  // libarchive stops at this one without a word of its own; what is said comes from us.
  const auto damaged = std::string(ATTEND_SOURCE_DIR) + "/tools/fuzz/seeds/archive/damaged.tar.gz";
  EXPECT_ERROR(ImageStore{damaged}, kData, "damaged.tar.gz: expected a folder or a tar archive");
  EXPECT_ERROR(ImageStore{damaged}, kData, "(no more is known)");
  pack(folder.path("twice.tar"), {{"a/one.jpg", "1"}, {"b/one.jpg", "2"}}, archive_write_add_filter_none);
  EXPECT_ERROR(ImageStore(folder.path("twice.tar")), kData, "holds two files called 'one.jpg', a/one.jpg and b/one.jpg");
  pack(folder.path("none.tar"), {{"a/.DS_Store", "1"}, {"notes.txt", "2"}}, archive_write_add_filter_none);
  EXPECT_ERROR(ImageStore(folder.path("none.tar")), kData,
               "the archive holds no picture; hidden files: 1 left out (a/.DS_Store); files that");
}

// As a Mac packs them, with an older copy of one, and things that are no pictures.
TEST(ImageStore, WhatIsNoPictureInAnArchiveIsCounted) {
  TextFolder folder;
  pack(folder.path("a.tar"),
       {{"a/one.jpg", "old"},
        {"a/._one.jpg", "x"},
        {"a/.DS_Store", "x"},
        {"b/.DS_Store", "x"},
        {"a/README", "x"},
        {"b/README", "x"},
        {"a/one.jpg", "new"},
        {"b/two", to_png({1, 1, 1, {7}})}},
       archive_write_add_filter_none);
  const ImageStore store(folder.path("a.tar"));
  EXPECT_EQ(store.pictures(), 2U);
  EXPECT_EQ(store.bytes("one.jpg"), "new");
  EXPECT_TRUE(store.holds("two"));
  EXPECT_EQ(store.report().left_out("hidden files"), 3U);
  EXPECT_EQ(store.report().left_out("files that are no PNG or JPEG picture"), 2U);
}

// gzip files may hold several members; two behind one another unpack to both.
TEST(ImageStore, GzipMembersBehindOneAnother) {
  TextFolder folder;
  pack(folder.path("a.tar"), {{"one.jpg", std::string(3000, 'x')}, {"two.jpg", "2"}}, archive_write_add_filter_none);
  std::ifstream in(folder.path("a.tar"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const ImageStore store(folder.write("a.tar.gz", test::gzipped(whole.substr(0, 2000)) + test::gzipped(whole.substr(2000))));
  EXPECT_EQ(store.bytes("one.jpg"), std::string(3000, 'x'));
  EXPECT_EQ(store.bytes("two.jpg"), "2");
}

TEST(PlainCaption, IsLowerCaseWithoutPunctuation) {
  EXPECT_EQ(plain_caption("  A child 's kite , well-made !"), "a child s kite well-made");
  EXPECT_EQ(plain_caption("Don't \"STOP\" (now) ."), "don't stop now");
  EXPECT_EQ(plain_caption("Ein GRÜNES Haus…"), "ein grünes haus…");
  EXPECT_EQ(plain_caption(" . "), "");
}

}  // namespace
}  // namespace attend
