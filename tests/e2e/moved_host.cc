// `aftersales serve` with a clock that a test moves; see moved_clock.h.
#include <spdlog/spdlog.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "core/host/cli/signals.h"
#include "core/host/host.h"
#include "tests/e2e/moved_clock.h"

int main(int argc, char** argv) {
  using namespace aftersales;
  CLI::App app("A host whose clock another process moves.");
  std::string data;
  std::string listen;
  std::string plugins;
  std::string enable, isolate, in_process;  // all, or not given
  std::string clock;
  CLI::App* serve = app.add_subcommand("serve");
  serve->add_option("--data-dir", data)->required();
  serve->add_option("--listen", listen)->required();
  serve->add_option("--plugin-dir", plugins)->required();
  serve->add_option("--enable", enable);
  serve->add_option("--isolate", isolate);
  serve->add_option("--in-process", in_process);
  serve->add_option("--clock", clock)->required();
  CLI11_PARSE(app, argc, argv);

  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that was broken off leaves no host behind
  cli::SignalWait stop;              // before the host, whose threads must leave the signals alone
  // What the plugins are told to do wrong is not worth a line.
  spdlog::set_level(spdlog::level::critical);
  host::HostOptions options;
  options.data_directory = data;
  options.listen = listen;
  options.plugin_directories = {plugins};
  options.enable_plugins = {enable};
  options.isolate = {isolate};
  options.in_process = {in_process};
  options.plugin_runner = AFTERSALES_PROGRAM;
  // What takes minutes comes in moments here, and so does the end of a plugin's rest.
  options.plugin_quarantine = absl::Seconds(2);
  options.clock = std::make_shared<e2e::MovedClock>(clock);
  auto host = host::Host::Start(std::move(options));
  if (!host.ok()) {
    std::cerr << host.status() << std::endl;
    return 1;
  }
  std::cout << "it listens at " << (*host)->address() << ", data in " << data << std::endl;
  stop.Wait();
  (*host)->Shutdown(absl::Seconds(10));
  return 0;
}
