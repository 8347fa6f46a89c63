#include "core/plugins/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;

class ReadFileTest : public testing::Test {
 protected:
  ReadFileTest() { fs::create_directories(folder_); }
  ~ReadFileTest() override { fs::remove_all(folder_); }

  fs::path Put(const std::string& bytes) {
    const fs::path file = folder_ / "file";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("read_file_test_" + std::to_string(getpid()));
};

TEST_F(ReadFileTest, GivesTheBytesUpToTheLimit) {
  for (const size_t size : {0, 1, 4095, 4096, 4097, 10000}) {
    const std::string bytes(size, '\xff');
    const auto read = ReadRegularFile(Put(bytes), 10000);
    ASSERT_TRUE(read.ok()) << size << ": " << read.status();
    EXPECT_EQ(*read, bytes) << size;
  }
  const auto over = ReadRegularFile(Put(std::string(10001, 'x')), 10000);
  EXPECT_EQ(over.status(), absl::OutOfRangeError("has more than 10000 bytes"));
  EXPECT_EQ(ReadRegularFile(Put(std::string(4097, 'x')), 4096).status(),
            absl::OutOfRangeError("has more than 4 KiB"));
}

// They say that they have no bytes.
TEST_F(ReadFileTest, ReadsWhatTheSystemMakesUpAsItComes) {
  const auto read = ReadRegularFile("/proc/self/status", 1 << 20);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(absl::StartsWith(*read, "Name:")) << *read;
  EXPECT_TRUE(absl::IsOutOfRange(ReadRegularFile("/proc/self/status", 16).status()));
}

TEST_F(ReadFileTest, SaysWhatIsMissing) {
  EXPECT_EQ(ReadRegularFile(folder_ / "none", 10).status(),
            absl::NotFoundError("cannot be read: No such file or directory"));
  fs::create_symlink("itself", folder_ / "itself");
  EXPECT_TRUE(absl::IsUnavailable(ReadRegularFile(folder_ / "itself", 10).status()));
}

// None of them ends, or begins, by itself.
TEST_F(ReadFileTest, ReadsNeitherPipesNorDevicesNorFolders) {
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink("/dev/full", folder_ / "endless");
  for (const fs::path& path : {folder_ / "pipe", folder_ / "endless", folder_}) {
    EXPECT_EQ(ReadRegularFile(path, 10).status(), absl::InvalidArgumentError("is not a file"))
        << path;
  }
}

}  // namespace
}  // namespace aftersales::plugins
