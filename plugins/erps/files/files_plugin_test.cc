#include "plugins/erps/files/files_plugin.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::erps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FilesPluginTest : public ::testing::Test {
 protected:
  FilesPluginTest() {
    std::string name = fs::temp_directory_path() / "files_plugin_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~FilesPluginTest() override { fs::remove_all(directory_); }

  sdk::Status Configure(FilesPlugin& plugin, const std::string& directory = "") {
    plugin::v1::ConfigureRequest request;
    request.set_data_directory(directory_.string());
    if (!directory.empty()) (*request.mutable_config())["directory"] = directory;
    return plugin.Configure(request);
  }
  static plugin::v1::PushChangesRequest Changes(int first, int last) {
    plugin::v1::PushChangesRequest request;
    for (int n = first; n <= last; ++n) {
      plugin::v1::Change& change = *request.add_changes();
      change.set_effect_id("sellers/acme/events/" + std::to_string(n));
      change.mutable_event()->set_subject("sellers/acme/returns/1");
      change.mutable_event()->mutable_return_approved();
      change.mutable_return_resource()->set_name("sellers/acme/returns/1");
    }
    return request;
  }
  int LinesIn(const fs::path& file) const {
    std::ifstream in(directory_ / file);
    return static_cast<int>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  }

  fs::path directory_;
};

TEST_F(FilesPluginTest, WritesWhatIsPushedOnce) {
  FilesPlugin plugin;
  ASSERT_TRUE(Configure(plugin).ok());
  plugin::v1::PushChangesResponse response;
  ASSERT_TRUE(plugin.PushChanges({}, Changes(1, 3), &response).ok());
  EXPECT_EQ(response.accepted_count(), 3);
  ASSERT_TRUE(plugin.PushChanges({}, Changes(1, 4), &response).ok());
  EXPECT_EQ(response.accepted_count(), 4);
  EXPECT_EQ(LinesIn("changes.jsonl"), 4);
  EXPECT_EQ(LinesIn("changes.csv"), 5);
  plugin::v1::CheckHealthResponse health;
  ASSERT_TRUE(plugin.CheckHealth(&health).ok());
  EXPECT_TRUE(health.healthy()) << health.message();
}

TEST_F(FilesPluginTest, DirectoryOfItsOwn) {
  FilesPlugin plugin;
  ASSERT_TRUE(Configure(plugin, "erp/outbox").ok());  // Inside the data directory.
  EXPECT_TRUE(fs::exists(directory_ / "erp/outbox/changes.csv"));
  FilesPlugin other;
  ASSERT_TRUE(Configure(other, (directory_ / "absolute").string()).ok());
  EXPECT_TRUE(fs::exists(directory_ / "absolute/changes.csv"));
}

TEST_F(FilesPluginTest, BadDirectoriesNameTheKey) {
  std::ofstream(directory_ / "file") << "x";
  FilesPlugin plugin;
  const sdk::Status status = Configure(plugin, (directory_ / "file").string());
  EXPECT_EQ(status.code(), sdk::Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("directory: "));
  EXPECT_THAT(status.message(), HasSubstr("is a file"));
  EXPECT_THAT(FilesPlugin().Configure({}).message(), HasSubstr("directory: not given"));
  plugin::v1::PushChangesResponse response;
  EXPECT_EQ(plugin.PushChanges({}, Changes(1, 1), &response).code(),
            sdk::Code::kFailedPrecondition);
  plugin::v1::CheckHealthResponse health;
  ASSERT_TRUE(plugin.CheckHealth(&health).ok());
  EXPECT_FALSE(health.healthy());
}

TEST_F(FilesPluginTest, BadChangesAreNamed) {
  FilesPlugin plugin;
  ASSERT_TRUE(Configure(plugin).ok());
  plugin::v1::PushChangesRequest request = Changes(1, 2);
  request.mutable_changes(1)->clear_effect_id();
  plugin::v1::PushChangesResponse response;
  sdk::Status status = plugin.PushChanges({}, request, &response);
  EXPECT_EQ(status.code(), sdk::Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("changes[1].effect_id"));
  status = plugin.PushChanges({}, Changes(1, 501), &response);
  EXPECT_EQ(status.code(), sdk::Code::kInvalidArgument);
  EXPECT_EQ(LinesIn("changes.jsonl"), 0);
}

// A full disk, as a limit on the size of files: nothing is accepted, and once there is room again
// the same push leaves each change once.
TEST_F(FilesPluginTest, FullDiskAcceptsNothingAndRecovers) {
  FilesPlugin plugin;
  ASSERT_TRUE(Configure(plugin).ok());
  plugin::v1::PushChangesResponse response;
  ASSERT_TRUE(plugin.PushChanges({}, Changes(1, 2), &response).ok());
  ASSERT_EQ(response.accepted_count(), 2);

  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = before;
  limit.rlim_cur = fs::file_size(directory_ / "changes.jsonl") + 700;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  response.Clear();
  const sdk::Status status = plugin.PushChanges({}, Changes(3, 20), &response);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);

  ASSERT_TRUE(status.ok());
  EXPECT_EQ(response.accepted_count(), 0);
  EXPECT_THAT(response.message(), HasSubstr("changes.jsonl cannot be written"));
  EXPECT_GT(response.retry_after().seconds(), 0);
  plugin::v1::CheckHealthResponse health;
  ASSERT_TRUE(plugin.CheckHealth(&health).ok());
  EXPECT_FALSE(health.healthy());

  response.Clear();
  ASSERT_TRUE(plugin.PushChanges({}, Changes(3, 20), &response).ok());
  EXPECT_EQ(response.accepted_count(), 18);
  EXPECT_EQ(LinesIn("changes.jsonl"), 20);
  EXPECT_EQ(LinesIn("changes.csv"), 21);
  ASSERT_TRUE(plugin.CheckHealth(&health).ok());
  EXPECT_TRUE(health.healthy()) << health.message();
}

TEST_F(FilesPluginTest, DescribesItself) {
  const plugin::v1::DescribeResponse description = FilesPlugin().Describe();
  EXPECT_EQ(description.plugin_id(), "files");
  EXPECT_EQ(description.kind(), v1::Plugin::KIND_ERP);
  ASSERT_EQ(description.methods_size(), 1);
  EXPECT_EQ(description.methods(0).method(), "PushChanges");
  EXPECT_TRUE(description.methods(0).idempotent());
  ASSERT_EQ(description.config_fields_size(), 1);
  EXPECT_EQ(description.config_fields(0).key(), "directory");
}

}  // namespace
}  // namespace aftersales::erps
