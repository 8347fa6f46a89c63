// A directory of its own for each test of a fake.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "gtest/gtest.h"

namespace aftersales::testing {

class FakeTest : public ::testing::Test {
 protected:
  FakeTest() {
    std::string name = std::filesystem::temp_directory_path() / "fake_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~FakeTest() override { std::filesystem::remove_all(directory_); }

  plugin::v1::ConfigureRequest Config() const {
    plugin::v1::ConfigureRequest request;
    (*request.mutable_config())["directory"] = directory_.string();
    return request;
  }
  void SetMode(const std::string& plugin_id, const std::string& words) const {
    std::ofstream(directory_ / (plugin_id + ".mode")) << words;
  }
  std::vector<std::string> Lines(const std::string& file) const {
    std::vector<std::string> lines;
    std::ifstream in(directory_ / file);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path directory_;
};

}  // namespace aftersales::testing
