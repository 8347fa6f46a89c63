// What `aftersales plugin new` writes, and what it refuses. That the projects build and that their
// tests pass is shown by sdk/readme_test.py.
#include "core/host/cli/plugin_new.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "core/status/refusal.h"

namespace aftersales::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class PluginNewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "plugin_new_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    wanted_.name = "acme-books";
    wanted_.kind = "erp";
    wanted_.language = "cpp";
    wanted_.directory = folder_;
    wanted_.templates = fs::path(AFTERSALES_SOURCE_DIR) / "sdk/templates";
    wanted_.prefix = "/opt/some where";
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  NewPlugin wanted_;
};

TEST_F(PluginNewTest, EveryTemplateIsFilledInWhole) {
  int templates = 0;
  umask(0);  // what others may write the host refuses
  for (const auto& entry : fs::directory_iterator(wanted_.templates)) {
    const std::string name = entry.path().filename();
    wanted_.kind = name.substr(0, name.rfind('-'));
    wanted_.language = name.substr(name.rfind('-') + 1);
    const auto written = WriteNewPlugin(wanted_);
    ASSERT_TRUE(written.ok()) << written.status();
    ++templates;
    EXPECT_EQ(*written, folder_ / "acme-books");
    EXPECT_TRUE(fs::exists(*written / "README.md")) << name;
    EXPECT_EQ(fs::status(*written).permissions(), static_cast<fs::perms>(0755));
    for (const auto& file : fs::directory_iterator(*written)) {
      std::ifstream in(file.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      const std::string path = file.path().string();
      EXPECT_FALSE(text.empty()) << path;
      for (const char* left :
           {"@NAME@", "@SNAKE@", "@CLASS@", "@DISPLAY@", "@PREFIX@", "__snake__"}) {
        EXPECT_EQ(text.find(left), std::string::npos) << path << " has " << left;
      }
      EXPECT_EQ(path.find("__"), std::string::npos) << path;
      EXPECT_NE(file.path().extension(), ".in") << path;
      EXPECT_EQ(file.status().permissions() & static_cast<fs::perms>(022), fs::perms::none) << path;
    }
    if (wanted_.language == "python") {
      EXPECT_EQ(fs::status(*written / "acme_books.plugin").permissions(),
                static_cast<fs::perms>(0755));
    }
    fs::remove_all(*written);
  }
  umask(022);
  EXPECT_GE(templates, 4);
}

TEST_F(PluginNewTest, BadNamesAreRefused) {
  for (const char* name :
       {"", "Acme", "1acme", "-acme", "acme-", "ac--me", "acme_books", "a/b", "..", "acme books",
        "test", "install", "a123456789012345678901234567890123456789x"}) {
    wanted_.name = name;
    const auto written = WriteNewPlugin(wanted_);
    EXPECT_EQ(ReasonOf(written.status()), "BAD_NAME") << name;
    EXPECT_EQ(FieldOf(written.status()), "name") << name;
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PluginNewTest, WhyANameIsRefusedIsNotContradicted) {
  wanted_.name = "test";
  EXPECT_THAT(WriteNewPlugin(wanted_).status().ToString(), Not(HasSubstr("1 to 40")));
  wanted_.name = "ac--me";
  EXPECT_THAT(WriteNewPlugin(wanted_).status().ToString(), HasSubstr("without `--`"));
}

TEST_F(PluginNewTest, AFolderThatIsNotThereIsNamed) {
  wanted_.directory = folder_ / "absent";
  const auto written = WriteNewPlugin(wanted_);
  EXPECT_EQ(ReasonOf(written.status()), "CANNOT_WRITE");
  EXPECT_EQ(FieldOf(written.status()), "dir");
  EXPECT_THAT(std::string(written.status().message()),
              HasSubstr((folder_ / "absent").string() + ", in which acme-books would be made"));
  EXPECT_THAT(written.status().ToString(), HasSubstr("mkdir -p"));
}

TEST_F(PluginNewTest, WhatIsThereIsNotTouched) {
  fs::create_directory(folder_ / "acme-books");
  std::ofstream(folder_ / "acme-books/mine") << "mine";
  const auto written = WriteNewPlugin(wanted_);
  EXPECT_EQ(ReasonOf(written.status()), "FOLDER_EXISTS");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "acme-books"), {}), 1);
}

TEST_F(PluginNewTest, SaysWhichTemplatesThereAre) {
  wanted_.language = "cobol";
  const auto none = WriteNewPlugin(wanted_);
  EXPECT_EQ(ReasonOf(none.status()), "NO_TEMPLATE");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("--kind erp --lang python"));
  wanted_.templates = folder_ / "nowhere";
  EXPECT_THAT(std::string(WriteNewPlugin(wanted_).status().message()), HasSubstr("install"));
  wanted_.directory = folder_ / "absent";
  wanted_.language = "cpp";
  wanted_.templates = fs::path(AFTERSALES_SOURCE_DIR) / "sdk/templates";
  EXPECT_EQ(ReasonOf(WriteNewPlugin(wanted_).status()), "CANNOT_WRITE");
}

}  // namespace
}  // namespace aftersales::cli
