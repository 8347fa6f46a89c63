#include "core/plugins/plugin_file.h"

#include <elf.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "core/plugins/test_plugins.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class PluginFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "plugin_file_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  std::string Problem(const fs::path& path) {
    return std::string(CheckPluginFile(path).status().message());
  }

  fs::path folder_;
};

TEST_F(PluginFileTest, PluginsOfTheSdkAreGood) {
  EXPECT_EQ(Problem(kTestPlugins / "good_plugin.so"), "");
  EXPECT_EQ(Problem(kTestPlugins / "c_plugin.so"), "");
}

TEST_F(PluginFileTest, ReadsExportsAndDependencies) {
  const auto object = ReadSharedObject(ReadFile(kTestPlugins / "good_plugin.so"));
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_THAT(object->exported, ElementsAre("aftersales_plugin_entry"));
  EXPECT_THAT(object->needed, Contains(HasSubstr("libprotobuf-lite.so")));
  EXPECT_THAT(object->needed, Not(Contains(HasSubstr("libprotobuf.so"))));
  EXPECT_THAT(object->undefined, Contains(HasSubstr("protobuf11MessageLite")));
}

TEST_F(PluginFileTest, FullProtobufIsRefused) {
  EXPECT_THAT(Problem(kTestPlugins / "full_protobuf_plugin.so"),
              AllOf(HasSubstr("libprotobuf.so"), HasSubstr("aftersales_add_plugin")));
  // One that counts on the host's copy does not even name the library.
  EXPECT_THAT(Problem(kTestPlugins / "unlinked_protobuf_plugin.so"),
              AllOf(HasSubstr("messages of full protobuf"), HasSubstr("aftersales_add_plugin")));
}

TEST_F(PluginFileTest, FurtherExportsAreRefused) {
  EXPECT_THAT(Problem(kTestPlugins / "loud_plugin.so"),
              AllOf(HasSubstr("exports 2 symbols besides"), HasSubstr("FirstExtra")));
}

TEST_F(PluginFileTest, OtherFilesAreRefused) {
  EXPECT_THAT(Problem(folder_ / "absent.so"), HasSubstr("No such file"));
  EXPECT_THAT(Problem(folder_), HasSubstr("is not a file"));
  EXPECT_THAT(Problem(Write("empty.so", "")), HasSubstr("does not start as an ELF file"));
  EXPECT_THAT(Problem(Write("text.so", "#!/bin/sh\necho hello, this is no plugin at all\n" +
                                           std::string(100, ' '))),
              HasSubstr("does not start as an ELF file"));
}

// Those would keep their reader waiting for ever.
TEST_F(PluginFileTest, WhatIsNoFileIsNotReadAtAll) {
  const fs::path pipe = folder_ / "pipe.so";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Problem(pipe), HasSubstr("is not a file"));
  EXPECT_THAT(Problem("/dev/zero"), HasSubstr("is not a file"));
  EXPECT_NE(Problem("/proc/kmsg"), "");
  EXPECT_NE(Problem("/proc/self/status"), "");
  EXPECT_NE(Problem(Write("empty.so", "")), "");
}

TEST_F(PluginFileTest, ASharedObjectIsNoProgram) {
  const fs::path versioned = Write("good.so.1", ReadFile(kTestPlugins / "good_plugin.so"));
  ASSERT_TRUE(IsPluginProgram(versioned));
  EXPECT_THAT(std::string(CheckPluginProgram(versioned).status().message()),
              HasSubstr("a name that ends in .so"));
}

TEST_F(PluginFileTest, AnotherMachineIsRefused) {
  std::string bytes = ReadFile(kTestPlugins / "c_plugin.so");
  const uint16_t machine = EM_RISCV;
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
  EXPECT_THAT(Problem(Write("riscv.so", bytes)), HasSubstr("is for another machine"));
}

TEST_F(PluginFileTest, ASharedObjectThatIsNoPluginIsRefused) {
  std::string bytes = ReadFile(kTestPlugins / "c_plugin.so");
  for (size_t at; (at = bytes.find("aftersales_plugin_entry")) != std::string::npos;) {
    bytes.replace(at, 10, "otherworld");
  }
  EXPECT_THAT(Problem(Write("other.so", bytes)), HasSubstr("does not export"));
}

TEST_F(PluginFileTest, WhatOthersCanChangeIsRefused) {
  const fs::path path = Write("copy.so", ReadFile(kTestPlugins / "c_plugin.so"));
  EXPECT_EQ(Problem(path), "");
  fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
  EXPECT_THAT(Problem(path), AllOf(HasSubstr("can be changed by its group (mode 0720)"),
                                   HasSubstr("chmod go-w " + path.string())));
  fs::permissions(path, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(Problem(path), HasSubstr("can be changed by everyone"));
  fs::permissions(path, fs::perms::owner_all);

  fs::permissions(folder_, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(Problem(path), HasSubstr("chmod go-w " + folder_.string()));
  // As /tmp: others may add files there, but replace none.
  fs::permissions(folder_, fs::perms::sticky_bit, fs::perm_options::add);
  EXPECT_EQ(Problem(path), "");
}

TEST_F(PluginFileTest, OfAnotherUserIsRefused) {
  const fs::path path = Write("theirs.so", ReadFile(kTestPlugins / "c_plugin.so"));
  if (chown(path.c_str(), 12345, 12345) != 0) GTEST_SKIP() << "only root can give files away";
  EXPECT_THAT(Problem(path), HasSubstr("belongs to user 12345"));
}

// Who may rename a folder away puts another plugin in its place.
TEST_F(PluginFileTest, WhoCanChangeAFolderAboveIsRefused) {
  fs::create_directories(folder_ / "above/between");
  const fs::path path = Write("above/between/copy.so", ReadFile(kTestPlugins / "c_plugin.so"));
  EXPECT_EQ(Problem(path), "");
  const fs::path above = folder_ / "above";
  fs::permissions(above, fs::perms::all);
  EXPECT_THAT(Problem(path), AllOf(HasSubstr("can be changed by everyone (mode 0777)"),
                                   HasSubstr("chmod o-w " + above.string())));
  fs::permissions(above, fs::perms::sticky_bit, fs::perm_options::add);
  EXPECT_EQ(Problem(path), "");
  fs::permissions(above, static_cast<fs::perms>(0775));
  EXPECT_EQ(Problem(path), "") << "as with a umask of 002";
  if (chown(above.c_str(), 12345, 12345) != 0) return;
  EXPECT_THAT(Problem(path), AllOf(HasSubstr(above.string() + " belongs to user 12345"),
                                   HasSubstr("chown root " + above.string())));
}

TEST_F(PluginFileTest, AManifestIsTrustedAsItsPluginIs) {
  const fs::path path = Write("copy.so", ReadFile(kTestPlugins / "c_plugin.so"));
  const std::string sha256 = CheckPluginFile(path).value();
  const fs::path manifest = Write("copy.plugin.json", "{\"sha256\": \"" + sha256 + "\"}");
  EXPECT_EQ(Problem(path), "");
  fs::permissions(manifest, static_cast<fs::perms>(0666));
  EXPECT_THAT(Problem(path), AllOf(HasSubstr("copy.plugin.json"), HasSubstr("not to be trusted"),
                                   HasSubstr("chmod go-w " + manifest.string())));
  fs::remove(manifest);
  fs::create_symlink(folder_ / "absent.json", manifest);
  EXPECT_THAT(Problem(path), HasSubstr("is a link to a file that is not there"));
  // Of a link to one in a folder of others, that folder counts.
  fs::create_directory(folder_ / "loose");
  Write("loose/it.json", "{\"sha256\": \"" + sha256 + "\"}");
  fs::remove(manifest);
  fs::create_symlink(folder_ / "loose/it.json", manifest);
  EXPECT_EQ(Problem(path), "");
  fs::permissions(folder_ / "loose", fs::perms::all);
  EXPECT_THAT(Problem(path), HasSubstr("can be changed by everyone"));
  fs::permissions(folder_ / "loose", fs::perms::owner_all);
  Write("loose/it.json", "{\"sha256\": \"" + std::string(64, 'x') + "\"}");
  EXPECT_THAT(Problem(path), HasSubstr("cannot be read"));
}

TEST_F(PluginFileTest, WhatIsNoProgramIsNotMadeOne) {
  const auto problem = [](const fs::path& path) {
    return std::string(CheckPluginProgram(path).status().message());
  };
  const fs::path text = Write("text", "root:x:0:0:root:/root:/bin/bash\n");
  for (const fs::perms mode : {static_cast<fs::perms>(0666), fs::perms::owner_all}) {
    fs::permissions(text, mode);
    EXPECT_THAT(problem(text), AllOf(HasSubstr("is no program"), Not(HasSubstr("chmod"))));
  }
  EXPECT_THAT(problem(Write("empty", "")), HasSubstr("is no program"));
  EXPECT_EQ(problem(Write("script", "#!/bin/sh\n")), "");
  EXPECT_TRUE(CheckBeginsAsProgram("/bin/sh").ok());
  EXPECT_FALSE(CheckBeginsAsProgram(text).ok());
  EXPECT_FALSE(CheckBeginsAsProgram(folder_ / "absent").ok());
}

TEST(Sha256Test, Is64HexadecimalDigits) {
  EXPECT_TRUE(IsSha256(std::string(32, 'a') + std::string(32, 'F')));
  EXPECT_FALSE(IsSha256("abc"));
  EXPECT_FALSE(IsSha256(std::string(64, 'g')));
  EXPECT_FALSE(IsSha256(""));
}

// Cut anywhere, it is an error and nothing else.
TEST_F(PluginFileTest, CutFilesAreErrors) {
  const std::string bytes = ReadFile(kTestPlugins / "c_plugin.so");
  ASSERT_TRUE(ReadSharedObject(bytes).ok());
  for (size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_FALSE(ReadSharedObject(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

// Damaged anywhere, it is read within its bounds: the sanitizers watch.
TEST_F(PluginFileTest, DamagedFilesAreReadWithinTheirBounds) {
  const std::string original = ReadFile(kTestPlugins / "c_plugin.so");
  std::mt19937 random(20260101);
  const auto header = *reinterpret_cast<const Elf64_Ehdr*>(original.data());
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = original;
    for (int i = 0; i < 8; ++i) {
      // Half of the damage in the headers, where it hurts.
      const bool in_sections = random() % 2 == 0;
      const size_t at = in_sections ? header.e_shoff + random() % (bytes.size() - header.e_shoff)
                                    : random() % bytes.size();
      bytes[at] = static_cast<char>(random());
    }
    const auto object = ReadSharedObject(bytes);
    if (!object.ok()) ++refused;
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace aftersales::plugins
