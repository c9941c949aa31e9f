// Writing that may fail halfway: files and folders that appear whole or not at all.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

/// While it lives no file may grow beyond `bytes`: what a full disk looks like to a program.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) {
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST(FileWriter, WritesAndCounts) {
  const TempFolder folder;
  FileWriter writer(folder / "x");
  writer.write("abc");
  writer.write("de", 2);
  EXPECT_EQ(writer.position(), 5u);
  writer.sync_and_close();
  EXPECT_EQ(read_file(folder / "x"), "abcde");
  EXPECT_THROW(writer.write("f"), std::logic_error);
  EXPECT_ERROR(FileWriter(folder / "none/x"), kFile, "none/x: cannot create: No such file or directory");
}

TEST(FileWriter, FullDiskNamesPathReasonAndMissingBytes) {
  const TempFolder folder;
  FileWriter writer(folder / "x");
  const SizeLimit limit(1000);
  writer.write(std::string(600, 'a'));
  EXPECT_ERROR(writer.write(std::string(600, 'b')), kFile, "/x: cannot write 200 of 600 bytes after byte 1000: File too large");
}

TEST(AtomicWrite, ReplacesWholeAndLeavesNothingElse) {
  const TempFolder folder;
  write_file_atomic(folder / "x", "old");
  EXPECT_EQ(read_file(folder / "x"), "old");
  write_file_atomic(folder / "x", "new");
  EXPECT_EQ(read_file(folder / "x"), "new");
  {
    AtomicFile file(folder / "x");
    file.writer().write("newer");
    EXPECT_EQ(folder.names().size(), 2u);
    EXPECT_EQ(read_file(folder / "x"), "new");  // until commit
  }
  EXPECT_EQ(read_file(folder / "x"), "new");
  EXPECT_EQ(folder.names(), Names{"x"});
}

TEST(AtomicWrite, RefusesWhatIsNoFile) {
  const TempFolder folder;
  EXPECT_ERROR(write_file_atomic(folder.path(), "x"), kFile, "got a directory");
  EXPECT_ERROR(write_file_atomic(folder / "none/", "x"), kFile, "got a directory");
  EXPECT_ERROR(write_file_atomic("", "x"), kFile, "the path is empty");
  EXPECT_ERROR(write_file_atomic(folder / "none/x", "x"), kFile, "No such file or directory");
}

TEST(AtomicWrite, FollowsLinks) {
  const TempFolder folder;
  write_file_atomic(folder / "real", "old");
  fs::permissions(folder / "real", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_directory(folder / "in");
  fs::create_symlink("../link", folder / "in/link");
  fs::create_symlink("real", folder / "link");
  write_file_atomic(folder / "in/link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "in/link") && fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "real"), "new");
  EXPECT_EQ(fs::status(folder / "real").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("made", folder / "dangling");
  write_file_atomic(folder / "dangling", "x");
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
  EXPECT_EQ(read_file(folder / "made"), "x");
  fs::create_symlink("circle", folder / "circle");
  EXPECT_ERROR(write_file_atomic(folder / "circle", "x"), kFile, "/circle: cannot write: Too many levels of symbolic links");
  fs::create_symlink("in", folder / "folder");
  EXPECT_ERROR(write_file_atomic(folder / "folder", "x"), kFile, "got a directory");
}

TEST(AtomicWrite, WritesInPlaceWhatIsNoRegularFile) {
  const TempFolder folder;
  write_file_atomic("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_ERROR(write_file_atomic("/dev/full", "x"), kFile, "/dev/full: cannot write 1 of 1 bytes after byte 0: No space left on device");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { write_file_atomic(folder / "pipe", "through"); });
  EXPECT_EQ(read_file(folder / "pipe"), "through");
  writer.join();
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
}

// A descriptor of the process, by whatever name, goes on where it stands; a link to it stays a link.
TEST(AtomicWrite, GoesOnBehindADescriptorsText) {
  const TempFolder folder;
  FileWriter writer(folder / "x");
  writer.write("first ");
  int number = -1;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (fs::read_symlink(entry.path(), ignored) == fs::canonical(folder / "x")) number = std::stoi(entry.path().filename());
  }
  ASSERT_GE(number, 0);
  const auto name = "/proc/self/fd/" + std::to_string(number);
  fs::create_symlink(name, folder / "link");
  write_file_atomic(folder / "link", "second ");
  write_file_atomic("/dev/fd/" + std::to_string(number), "third");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "x"), "first second third");
  EXPECT_EQ(folder.names(), (Names{"link", "x"}));
}

TEST(AtomicWrite, APipeWithoutAReaderIsToldApart) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  auto* const before = ::signal(SIGPIPE, SIG_IGN);
  EXPECT_THROW(write_file_atomic("/proc/self/fd/" + std::to_string(ends[1]), "x"), PipeClosed);
  ::signal(SIGPIPE, before);
  ::close(ends[1]);
}

TEST(AtomicWrite, UnfinishedFilesCanBeDiscardedFromASignalHandler) {
  const TempFolder folder;
  write_file_atomic(folder / "done", "x");
  AtomicFile file(folder / "x");
  file.writer().write("half");
  EXPECT_EQ(folder.names().size(), 2u);
  discard_partials();
  EXPECT_EQ(folder.names(), Names{"done"});
}

TEST(FileWriter, CutsWhatIsNotWhole) {
  const TempFolder folder;
  FileWriter writer(folder / "x");
  writer.write("one\ntw");
  writer.cut(4);
  EXPECT_EQ(writer.position(), 4u);
  writer.sync_and_close();
  EXPECT_EQ(read_file(folder / "x"), "one\n");
}

TEST(AtomicWrite, RelativePathsWork) {
  const TempFolder folder;
  const auto before = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomic("plain", "x");
  write_folder_atomic("sub", [](const std::string& inner) { put_file(inner + "/y", "y"); });
  fs::current_path(before);
  EXPECT_EQ(folder.names(), (Names{"plain", "sub"}));
}

TEST(AtomicWrite, FullDiskKeepsTheOldContent) {
  const TempFolder folder;
  const std::string big(100'000, 'b');
  const std::vector<float> weights(25'000);
  const ArrayView array{Dtype::kF32, {25'000}, weights.data()};
  write_file_atomic(folder / "text", "old");
  write_safetensors(folder / "tensors", {{"w", {Dtype::kF32, {1}, weights.data()}}});
  {
    ArchiveWriter archive(folder / "archive");
    archive.add("member", "old");
    archive.close();
  }
  const auto tensors = read_file(folder / "tensors"), archived = read_file(folder / "archive");

  {
    const SizeLimit limit(50'000);
    EXPECT_ERROR(write_file_atomic(folder / "text", big), kFile, "File too large");
    EXPECT_ERROR(write_safetensors(folder / "tensors", {{"w", array}}), kFile, "File too large");
    {
      ArchiveWriter archive(folder / "archive");
      EXPECT_ERROR(archive.add_array("w", array), kFile, "File too large");
      EXPECT_ERROR(archive.close(), kFile, "not written, since an earlier write failed");
    }
    {
      ArchiveWriter archive(folder / "archive");  // what fails here is the directory alone
      for (int i = 0; i < 550; ++i) archive.add(fmt::format("{:04}", i), "");
      EXPECT_ERROR(archive.close(), kFile, "File too large");
    }
    EXPECT_ERROR(write_folder_atomic(folder / "model", [&](const std::string& inner) { write_file_atomic(inner + "/w", big); }), kFile,
                 "File too large");
  }
  EXPECT_EQ(read_file(folder / "text"), "old");
  EXPECT_TRUE(read_file(folder / "tensors") == tensors);
  EXPECT_TRUE(read_file(folder / "archive") == archived);
  EXPECT_EQ(folder.names(), (Names{"archive", "tensors", "text"}));
}

TEST(AtomicFolder, AppearsWholeOrNotAtAll) {
  const TempFolder folder;
  write_folder_atomic(folder / "model/", [&](const std::string& inner) {
    EXPECT_FALSE(fs::exists(folder / "model"));
    EXPECT_EQ(fs::path(inner).parent_path(), fs::path(folder.path()));
    fs::create_directory(inner + "/sub");
    put_file(inner + "/sub/weights", "w");
  });
  EXPECT_EQ(read_file(folder / "model/sub/weights"), "w");
  EXPECT_ERROR(write_folder_atomic(folder / "model", [](const std::string&) { FAIL(); }), kFile, "/model: exists already");
  EXPECT_THROW(write_folder_atomic(folder / "other",
                                   [](const std::string& inner) {
                                     put_file(inner + "/x", "x");
                                     throw std::runtime_error("interrupted");
                                   }),
               std::runtime_error);
  EXPECT_ERROR(write_folder_atomic(folder / "none/x", [](const std::string&) {}), kFile, "none/x: cannot create a folder: No such file");
  EXPECT_EQ(folder.names(), Names{"model"});
}

TEST(AtomicFolder, DoesNotReplaceWhatCameMeanwhile) {
  const TempFolder folder;
  EXPECT_ERROR(write_folder_atomic(folder / "model", [&](const std::string&) { fs::create_directory(folder / "model"); }), kFile,
               "exists already");
  EXPECT_EQ(folder.names(), Names{"model"});
}

TEST(AtomicFolder, ThreadsDoNotMeet) {
  const TempFolder folder;
  std::vector<std::thread> threads;
  std::atomic<int> won = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      write_file_atomic(folder / "file", std::string(1000, static_cast<char>('a' + t)));
      try {
        write_folder_atomic(folder / "model", [&](const std::string& inner) { put_file(inner + "/x", std::to_string(t)); });
        ++won;
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find("exists already"), std::string::npos) << e.what();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  const auto content = read_file(folder / "file");
  EXPECT_EQ(content, std::string(1000, content.at(0)));
  EXPECT_EQ(folder.names(), (Names{"file", "model"}));
}

TEST(Partials, OfEndedProcessesAreRemoved) {
  const TempFolder folder;
  // A process killed while it fills a folder: its name is real, and so is the end of its process.
  const auto child = ::fork();
  if (child == 0) {
    try {
      write_folder_atomic(folder / "model", [](const std::string& inner) {
        put_file(inner + "/x", "x");
        ::kill(::getpid(), SIGKILL);
      });
    } catch (...) {
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(folder.names().size(), 1u);
  EXPECT_EQ(folder.names()[0].rfind("model.partial-", 0), 0u) << folder.names()[0];

  put_file(folder / fmt::format("y.partial-{}-123456", ::getpid()), "of an earlier process with this process's id");
  put_file(folder / fmt::format("z.partial-{}-0", ::getppid()), "of a process that lives");
  const Names kept = {".partial-1-1", "a.partial-", "a.partial-1", "a.partial-1-", "a.partial-x-1", "a.partial-1-1.txt", "a.partial--1-1"};
  for (const auto& name : kept) put_file(folder / name, "looks alike");
  {
    AtomicFile ours(folder / "ours");
    EXPECT_EQ(remove_partials(folder.path()), 2u);
    ours.writer().write("content");
    ours.commit();
  }
  EXPECT_EQ(read_file(folder / "ours"), "content");
  EXPECT_EQ(folder.names().size(), kept.size() + 2);
  EXPECT_TRUE(fs::exists(folder / fmt::format("z.partial-{}-0", ::getppid())));
  EXPECT_ERROR(remove_partials(folder / "none"), kFile, "/none: cannot list the folder: No such file");
}

TEST(Links, AreReplacedInOneStep) {
  const TempFolder folder;
  put_file(folder / "a", "A");
  put_file(folder / "b", "B");
  replace_link(folder / "best", "a");
  EXPECT_EQ(read_file(folder / "best"), "A");
  replace_link(folder / "best", "b");
  EXPECT_EQ(read_file(folder / "best"), "B");
  EXPECT_EQ(fs::read_symlink(folder / "best"), "b");
  EXPECT_EQ(folder.names(), (Names{"a", "b", "best"}));
  EXPECT_ERROR(replace_link(folder / "a", "b"), kFile, "/a: expected a symbolic link or nothing there");
  EXPECT_ERROR(replace_link(folder / "none/x", "b"), kFile, "cannot create the link: No such file");
}

TEST(Folders, SyncNamesWhatIsMissing) {
  const TempFolder folder;
  sync_folder(folder.path());
  EXPECT_ERROR(sync_folder(folder / "none"), kFile, "No such file or directory");
}

}  // namespace
}  // namespace attend
