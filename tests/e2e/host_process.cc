#include "tests/e2e/host_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <vector>

extern char** environ;

namespace aftersales::e2e {

namespace fs = std::filesystem;

fs::path MakeTemporaryDirectory(std::string_view name) {
  std::string pattern = (fs::temp_directory_path() / (std::string(name) + "-XXXXXX")).string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::cerr << "cannot make a directory like " << pattern << std::endl;
    std::abort();
  }
  return pattern;
}

void CopyFakePlugins(const fs::path& to) {
  fs::create_directories(to);
  for (const char* fake : {"fake_market.so", "fake_carrier.so", "fake_erp.so"}) {
    fs::copy_file(fs::path(AFTERSALES_TEST_PLUGIN_DIR) / fake, to / fake);
  }
}

void WriteModes(const fs::path& data, std::string_view plugin, std::string_view modes) {
  const fs::path folder = data / "plugins" / plugin;
  fs::create_directories(folder);
  const fs::path file = folder / (std::string(plugin) + ".mode");
  std::ofstream(file.string() + ".new") << modes << "\n";
  fs::rename(file.string() + ".new", file);
}

HostProcess::HostProcess(const Options& options) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  // What the protocol buffers say of garbage goes to a file beside the data.
  const std::string log = options.data.string() + ".log";
  if (!options.clock.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  }
  const std::string program =
      options.clock.empty() ? AFTERSALES_PROGRAM : AFTERSALES_MOVED_HOST_PROGRAM;
  std::vector<std::string> arguments = {program,
                                        "serve",
                                        "--data-dir",
                                        options.data.string(),
                                        "--listen",
                                        options.listen,
                                        "--plugin-dir",
                                        options.plugins.string(),
                                        "--enable",
                                        "all",
                                        options.isolated ? "--isolate" : "--in-process",
                                        "all"};
  if (options.clock.empty()) {
    arguments.insert(arguments.end(), {"--log-level", "error"});
  } else {
    arguments.insert(arguments.end(), {"--clock", options.clock.string()});
  }
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.emplace_back(*entry);
  if (options.kill_at_write > 0) {
    variables.push_back("AFTERSALES_FAULT_KILL_AT_WRITE=" + std::to_string(options.kill_at_write));
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  const int failed = posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                                 pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  out_ = out[0];
  if (failed != 0) {
    std::cerr << "cannot start " << program << std::endl;
    std::abort();
  }
}

HostProcess::~HostProcess() {
  if (!Dead()) Kill();
  close(out_);
}

const std::string& HostProcess::AwaitAddress() {
  if (!address_.empty()) return address_;
  // `aftersales 0.1.0 listens at 127.0.0.1:40123, data in ...`
  std::string text;
  for (char c = 0; text.find('\n') == std::string::npos && read(out_, &c, 1) == 1;) text += c;
  const size_t at = text.find("127.0.0.1:");
  if (at != std::string::npos) address_ = text.substr(at, text.find(',', at) - at);
  return address_;
}

bool HostProcess::Dead() {
  if (!dead_) dead_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return dead_;
}

void HostProcess::Wait() {
  if (!dead_) dead_ = waitpid(pid_, &status_, 0) == pid_;
}

void HostProcess::Kill() {
  if (!dead_) kill(pid_, SIGKILL);
  Wait();
}

void HostProcess::Stop() {
  if (!dead_) kill(pid_, SIGTERM);
  Wait();
}

bool HostProcess::ended_by_kill() const {
  return dead_ && WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

bool HostProcess::ended_well() const {
  return dead_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0;
}

void Scrub(google::protobuf::Message* message) {
  const auto* reflection = message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->message_type()->full_name() == "google.protobuf.Timestamp") {
        reflection->ClearField(message, field);
      } else if (field->is_repeated()) {
        for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
          Scrub(reflection->MutableRepeatedMessage(message, field, i));
        }
      } else {
        Scrub(reflection->MutableMessage(message, field));
      }
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING &&
               !field->is_repeated()) {
      const std::string value = reflection->GetString(*message, field);
      for (const char* made :
           {"ret_", "rfd_", "eff_", "rcp_", "ins_", "exc_", "off_", "pay_", "FAKE"}) {
        if (value.find(made) != std::string::npos || field->name() == "etag") {
          reflection->SetString(message, field, "*");
        }
      }
    }
  }
}

}  // namespace aftersales::e2e
