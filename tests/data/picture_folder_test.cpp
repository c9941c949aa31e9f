#include "attend/data/picture_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "attend/data/image.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

namespace fs = std::filesystem;
using test::TextFolder;
using Words = std::vector<std::string>;

class PictureFolders : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) {
    fs::create_directories(fs::path(folder_.path(name)).parent_path());
    folder_.write(name, bytes);
  }
  void picture(const std::string& name) { put(name, to_png({1, 1, 3, {1, 2, 3}})); }
  TextFolder folder_;
};

TEST_F(PictureFolders, FoldersAreClasses) {
  for (const auto* name : {"d/dog/2.png", "d/dog/1.JPG", "d/cat/deep/er/3.png", "d/cat/a.png", "d/Big cat /4"}) picture(name);
  const auto read = read_picture_folder(folder_.path("d"));
  Words all;
  for (const auto& one : read.pictures) all.push_back(one.label + ": " + fs::relative(one.path, folder_.path("d")).string());
  EXPECT_EQ(all, (Words{"Big cat: Big cat /4", "cat: cat/a.png", "cat: cat/deep/er/3.png", "dog: dog/1.JPG", "dog: dog/2.png"}));
  EXPECT_EQ(read.report.left_out(), 0U);
  ReadingReport report;
  EXPECT_EQ(picture_files({folder_.path("d/cat"), folder_.path("d/dog/2.png")}, report),
            (Words{folder_.path("d/cat/a.png"), folder_.path("d/cat/deep/er/3.png"), folder_.path("d/dog/2.png")}));
}

TEST_F(PictureFolders, WhatIsNoPictureIsCounted) {
  for (const auto* name : {"d/dog/1.png", "d/outside.png"}) picture(name);
  put("d/dog/._1.png", "x");
  put("d/.cache/1.png", "x");
  put("d/dog/Thumbs.db", "x");
  put("d/readme.txt", "x");
  fs::create_directory_symlink(folder_.path("d"), folder_.path("d/dog/round"));
  const auto read = read_picture_folder(folder_.path("d"));
  EXPECT_EQ(read.pictures.size(), 1U);
  EXPECT_EQ(read.report.left_out("hidden files or folders"), 2U);
  EXPECT_EQ(read.report.left_out("links to folders that were read already"), 1U);
  EXPECT_EQ(read.report.left_out("pictures outside the folder of a class"), 1U);
  EXPECT_EQ(read.report.left_out("files that are no PNG or JPEG picture"), 2U);
  ReadingReport named;
  EXPECT_EQ(picture_files({folder_.path("d/dog")}, named).size(), 2U);  // with the one that the link leads to
  EXPECT_EQ(named.left_out("files that are no PNG or JPEG picture"), 2U);
}

TEST_F(PictureFolders, ThatHoldNoClassesSayWhatIsExpected) {
  picture("parts/train/dog/1.png");
  picture("parts/val/dog/1.png");
  EXPECT_ERROR(read_picture_folder(folder_.path("parts")), kData, "its folders are parts of a data set, not classes");
  picture("flat/1.png");
  EXPECT_ERROR(read_picture_folder(folder_.path("flat")), kData,
               "expected " + folder_.path("flat") + "/CLASS/PICTURE; pictures outside the folder of a class: 1 left out");
  fs::create_directory(folder_.path("empty"));
  EXPECT_ERROR(read_picture_folder(folder_.path("empty")), kData, "holds no folder with PNG or JPEG pictures");
  EXPECT_ERROR(read_picture_folder(folder_.path("none")), kFile, "none");
  ReadingReport report;
  EXPECT_ERROR(picture_files({folder_.path("empty")}, report), kData, "no PNG or JPEG picture");
}

}  // namespace
}  // namespace attend
