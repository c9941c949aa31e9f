// Reading: bytes that stay as they were, however a file comes.
#include "attend/core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "attend/core/archive.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

TEST(Files, ReadAndMapGiveTheBytes) {
  const TempFolder folder;
  const std::string content("a\0b\n\xff", 5);
  put_file(folder / "x", content);
  put_file(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "x"), content);
  EXPECT_EQ(read_file(folder / "empty"), "");
  MappedFile map(folder / "x");
  EXPECT_EQ(map.bytes(), content);
  EXPECT_EQ(map.path(), folder / "x");
  EXPECT_EQ(MappedFile(folder / "empty").bytes(), "");
  MappedFile moved(std::move(map));
  EXPECT_EQ(moved.bytes(), content);
  EXPECT_EQ(map.bytes(), "");  // NOLINT: the moved-from state is what is tested
  MappedFile other(folder / "empty");
  other = std::move(moved);
  EXPECT_EQ(other.bytes(), content);
}

// An editor that saves a corpus while a training reads it empties the file first.
TEST(Files, WhatIsReadOnceStaysAsItWas) {
  const TempFolder folder;
  put_file(folder / "x", "before");
  const MappedFile kept(folder / "x");
  fs::resize_file(folder / "x", 0);
  EXPECT_EQ(kept.bytes(), "before");
}

TEST(Files, AMapThatLosesItsPagesNamesTheFile) {
  const TempFolder folder;
  put_file(folder / "large", "");
  fs::resize_file(folder / "large", (std::uint64_t{64} << 20) + 8192);  // sparse: nothing is written
  EXPECT_EXIT(
      {
        explain_lost_pages();
        const MappedFile map(folder / "large");
        fs::resize_file(folder / "large", 0);
        volatile char lost = map.bytes()[4096];
        static_cast<void>(lost);
      },
      ::testing::ExitedWithCode(1), "/large: became shorter while it was read; start again");
}

// A corpus is counted first and read then; its second reader must not find `<(command)` empty.
TEST(Files, AnAnonymousPipeGivesEveryReaderItsBytes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "abc", 3), 3);
  ::close(ends[1]);
  const auto name = "/dev/fd/" + std::to_string(ends[0]);
  EXPECT_EQ(MappedFile(name).bytes(), "abc");
  EXPECT_EQ(read_file(name), "abc");
  MappedFile again(name);
  const MappedFile moved(std::move(again));
  EXPECT_EQ(moved.bytes(), "abc");
  ::close(ends[0]);
}

TEST(Files, MissingPathsAndFoldersSaySo) {
  const TempFolder folder;
  EXPECT_ERROR(read_file(folder / "none"), kFile, "/none: cannot read: No such file or directory; check the path");
  EXPECT_ERROR(MappedFile(folder / "none"), kFile, "/none: cannot read: No such file or directory");
  EXPECT_ERROR(read_file(folder.path()), kFile, "expected a file, got a directory");
  EXPECT_ERROR(MappedFile(folder.path()), kFile, "expected a file, got a directory");
  EXPECT_EQ(MappedFile("/dev/null").bytes(), "");
  EXPECT_ERROR(checksum_file(folder / "none"), kFile, "No such file");
  put_file(folder / "secret", "x");
  fs::permissions(folder / "secret", fs::perms::none);
  if (::geteuid() != 0) {  // root reads everything
    EXPECT_ERROR(read_file(folder / "secret"), kFile, "Permission denied; check the permissions");
  }
}

TEST(Files, PipesWhereTheyDoNotBelongAndEndlessDevicesAreRefusedAtOnce) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);  // nobody writes to it: opening it plainly would wait for ever
  EXPECT_ERROR(require_regular(folder / "pipe"), kFile, "expected a regular file, got a pipe or device");
  EXPECT_ERROR(require_regular(folder.path()), kFile, "expected a file, got a directory");
  EXPECT_ERROR(require_regular(folder / "none"), kFile, "cannot read: No such file");
  EXPECT_ERROR(SafetensorsFile(folder / "pipe"), kFile, "expected a regular file, got a pipe or device");
  EXPECT_ERROR(checksum_file(folder / "pipe"), kFile, "expected a regular file, got a pipe or device");
  EXPECT_ERROR(read_file("/dev/zero"), kFile, "expected a file or a pipe, got a device");
  EXPECT_EQ(read_file("/dev/null"), "");
  EXPECT_ERROR(read_file("/proc/self/status", 10), kFile, "holds more than the 10 bytes");
  EXPECT_NE(read_file("/proc/self/status").find("Name:"), std::string::npos);  // says it has no bytes, and has
}

TEST(Files, ChecksumsAreThoseOfXxhsum) {
  EXPECT_EQ(checksum(""), "99aa06d3014798d86001c324468d497f");  // the published value for no bytes
  const TempFolder folder;
  put_file(folder / "x", "attention");
  EXPECT_EQ(checksum_file(folder / "x"), checksum("attention"));
  EXPECT_EQ(checksum("attention"), "5d9f015658250bb039184e1d9dfb20d8");
  EXPECT_NE(checksum("attentioo"), checksum("attention"));
}

}  // namespace
}  // namespace attend
