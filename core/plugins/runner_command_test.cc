#include "core/plugins/runner_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

TEST(RunnerCommandTest, TakesTheSmallProgramWhereItIsBesideTheHosts) {
  std::string name = fs::path(::testing::TempDir()) / "runner_XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const fs::path folder = fs::canonical(name);
  const fs::path program = folder / "aftersales";
  std::ofstream(program) << "#!/bin/sh\n";
  EXPECT_THAT(RunnerCommand(program, "/p/acme.so"),
              ElementsAre(program.string(), "plugin-runner", "/p/acme.so"));
  const fs::path small = folder / kRunnerProgram;
  std::ofstream(small) << "#!/bin/sh\n";
  fs::permissions(small, fs::perms::owner_read);
  if (geteuid() != 0) {
    EXPECT_EQ(RunnerCommand(program, "/p/acme.so").size(), 3u) << "it cannot be executed";
  }
  fs::permissions(small, fs::perms::owner_all);
  EXPECT_THAT(RunnerCommand(program, "/p/acme.so"), ElementsAre(small.string(), "/p/acme.so"));
  // By a link, as a host is told by /proc/self/exe.
  fs::create_symlink(program, folder / "link");
  EXPECT_THAT(RunnerCommand(folder / "link", "/p/acme.so"),
              ElementsAre(small.string(), "/p/acme.so"));
  fs::remove_all(folder);
  EXPECT_EQ(RunnerCommand(program, "/p/acme.so").size(), 3u) << "the program is not there";
}

}  // namespace
}  // namespace aftersales::plugins
