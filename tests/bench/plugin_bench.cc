// Calls into a plugin in this process and in one of its own; the latter against a bare gRPC call to
// a process over a unix socket and against HashiCorp's go-plugin. All with the same message.
//
// The kinds are measured in turn, round after round, and a ratio is the median of the rounds'
// ratios. With 64 in flight a plugin's callers are 64 threads that wait, as the host's are. The
// bare call is measured twice, called by such threads and by callbacks, and the faster of the two
// in each round is what isolation is compared with.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "absl/strings/str_format.h"
#include "aftersales/plugin/v1/marketplace.grpc.pb.h"
#include "core/plugins/isolated.h"
#include "core/plugins/runner_command.h"
#include "core/status/text.h"
#include "tests/bench/bench.h"
#include "tests/bench/go_plugin.h"
#include "tests/bench/load.h"
#include "tests/bench/plugin_call.h"
#include "tests/bench/uds_server.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using plugin::v1::DecideReturnRequest;
using plugin::v1::EffectResponse;

constexpr int kCallsInFlight = 64;
constexpr absl::Duration kDeadline = absl::Seconds(20);

// `count` calls by `threads` threads, each of which waits for the answer to one before the next.
LoadResult RunThreads(int threads, int count, const std::function<absl::Status()>& call,
                      absl::Status* failed) {
  std::vector<double> micros(count);
  std::atomic<int> next{0};
  std::mutex mutex;
  const auto run = [&] {
    for (int i; (i = next.fetch_add(1)) < count;) {
      const auto begin = Clock::now();
      if (const absl::Status status = call(); !status.ok()) {
        std::lock_guard lock(mutex);
        *failed = status;
        return;
      }
      micros[i] = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
    }
  };
  const auto begin = Clock::now();
  std::vector<std::thread> running;
  for (int i = 1; i < threads; ++i) running.emplace_back(run);
  run();
  for (std::thread& thread : running) thread.join();
  LoadResult result;
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  result.per_second = count / result.seconds;
  std::sort(micros.begin(), micros.end());
  result.p50_us = micros[micros.size() / 2];
  result.p99_us = micros[micros.size() * 99 / 100];
  return result;
}

// One way to the plugin's answer, round after round.
struct Way {
  const char* name;
  std::function<absl::StatusOr<LoadResult>(int count)> run;
  int calls;
  std::vector<LoadResult> rounds = {};

  double MedianOf(double LoadResult::*field) const {
    std::vector<double> values;
    for (const LoadResult& round : rounds) values.push_back(round.*field);
    return Median(std::move(values));
  }
};

// Median over the rounds of one's field divided by that of the other.
double Ratio(const Way& one, const Way& other, double LoadResult::*field) {
  std::vector<double> ratios;
  for (size_t i = 0; i < one.rounds.size(); ++i) {
    ratios.push_back(one.rounds[i].*field / (other.rounds[i].*field));
  }
  return Median(std::move(ratios));
}

// Of the pages that a process has in memory, in MB: all, and with shared ones by their part.
struct Memory {
  double rss = 0;
  double pss = 0;
};

Memory MemoryOf(int pid) {
  Memory memory;
  std::ifstream file(Cat("/proc/", pid, "/smaps_rollup"));
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Rss:", 0) == 0) memory.rss = std::stod(line.substr(4)) / 1024;
    if (line.rfind("Pss:", 0) == 0) memory.pss = std::stod(line.substr(4)) / 1024;
  }
  return memory;
}

// Milliseconds from nothing to the answer to Describe.
absl::StatusOr<std::vector<double>> StartTimes(const fs::path& plugin, const fs::path& directory,
                                               int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    plugins::IsolatedTransport::Options options;
    options.command = plugins::RunnerCommand(BENCH_HOST_PROGRAM, plugin);
    options.socket_directory = directory;
    options.host_version = "0.1.0";
    options.name = options.socket_name = "start";
    const auto begin = Clock::now();
    auto transport = plugins::IsolatedTransport::Start(
        options, [] { return absl::Now(); },
        [](plugins::LogLevel, std::string_view, std::string_view) {});
    if (!transport.ok()) return transport.status();
    if (const auto description = (*transport)->Describe(); !description.ok()) {
      return description.status();
    }
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return times;
}

}  // namespace

absl::Status BenchPluginCalls(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const fs::path file = BENCH_WIDE_PLUGIN;
  const auto registry = LoadPlugins(workspace, {file}, /*isolated=*/true);
  plugins::PluginHandle* plugin = registry->Find("bench-wide");
  if (plugin == nullptr) return absl::InternalError(registry->List()[0].problem());
  const Workspace here(options.directory);
  const auto in_process = LoadPlugins(here, {file});
  plugins::PluginHandle* local = in_process->Find("bench-wide");
  if (local == nullptr) return absl::InternalError(in_process->List()[0].problem());
  auto bare = UdsServer::Start(workspace.path());
  if (!bare.ok()) return bare.status();
  const auto stub = plugin::v1::MarketplacePlugin::NewStub((*bare)->channel());

  const DecideReturnRequest request = MakeDecideReturn();
  const auto call_plugin = [&request](plugins::PluginHandle* handle) {
    plugins::PluginHandle::CallOptions call;
    call.idempotency_key = request.effect_id();
    call.seller = kSeller;
    call.deadline = absl::Now() + kDeadline;
    EffectResponse response;
    absl::Status status = handle->Call("MarketplacePlugin/DecideReturn", request, &response, call);
    if (status.ok() && response.result().external_id() != request.effect_id()) {
      status = absl::InternalError("the plugin did not answer");
    }
    return status;
  };
  const auto call_bare = [&] {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
    EffectResponse response;
    const grpc::Status status = stub->DecideReturn(&context, request, &response);
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  };
  const auto by_threads = [](int threads, std::function<absl::Status()> call) {
    return [threads, call](int count) -> absl::StatusOr<LoadResult> {
      absl::Status failed;
      const LoadResult result = RunThreads(threads, count, call, &failed);
      if (!failed.ok()) return failed;
      return result;
    };
  };
  const auto by_callbacks = [&](int count) -> absl::StatusOr<LoadResult> {
    Load<DecideReturnRequest, EffectResponse> load(
        1, [&](size_t, auto* context, const auto* sent, auto* response, auto done) {
          context->set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
          stub->async()->DecideReturn(context, sent, response, std::move(done));
        });
    std::vector<EffectResponse> responses;
    return load.Run(kCallsInFlight, std::vector<DecideReturnRequest>(count, request), &responses);
  };

  std::string bytes;
  request.SerializeToString(&bytes);
  absl::StatusOr<std::unique_ptr<GoPlugin>> go = options.quick
                                                     ? absl::NotFoundError("not built with --quick")
                                                     : GoPlugin::Build(workspace.path(), bytes);

  const int sequential = options.quick ? 50 : 4000;
  const int together = options.quick ? 200 : 20000;
  Way here_1{"in this process", by_threads(1, [&] { return call_plugin(local); }), sequential * 10};
  Way bare_1{"bare gRPC, sequential", by_threads(1, call_bare), sequential};
  Way isolated_1{"isolated, sequential", by_threads(1, [&] { return call_plugin(plugin); }),
                 sequential};
  Way bare_64{"bare gRPC, 64 threads", by_threads(kCallsInFlight, call_bare), together};
  Way bare_64_async{"bare gRPC, 64 by callbacks", by_callbacks, together};
  Way isolated_64{"isolated, 64 threads",
                  by_threads(kCallsInFlight, [&] { return call_plugin(plugin); }), together};
  std::vector<Way*> ways = {&here_1, &bare_1, &isolated_1, &bare_64, &bare_64_async, &isolated_64};
  Way go_1{"go-plugin, sequential", [&](int count) { return (*go)->Run(1, count); }, sequential};
  Way go_64{"go-plugin, 64 goroutines",
            [&](int count) { return (*go)->Run(kCallsInFlight, count); }, together};
  if (go.ok()) ways.insert(ways.end(), {&go_1, &go_64});

  for (const Way* way : ways) {
    if (auto warm = way->run(way->calls / 4); !warm.ok()) return warm.status();
  }
  for (int round = 0; round < (options.quick ? 1 : 7); ++round) {
    for (Way* way : ways) {
      auto result = way->run(way->calls);
      if (!result.ok()) return result.status();
      way->rounds.push_back(*result);
    }
  }
  // What serializing and parsing the request alone take, in the median of groups.
  DecideReturnRequest parsed;
  std::vector<double> messages;
  for (int group = 0; group < sequential / 10; ++group) {
    constexpr int kMessages = 100;
    const auto begin = Clock::now();
    for (int i = 0; i < kMessages; ++i) {
      request.SerializeToString(&bytes);
      parsed.ParseFromString(bytes);
    }
    messages.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() /
                       kMessages);
  }
  const Memory memory = MemoryOf(plugin->Snapshot().pid());
  const auto starts = StartTimes(file, workspace.path(), options.quick ? 3 : 40);
  if (!starts.ok()) return starts.status();

  absl::PrintF(
      "\nCalls into a plugin: DecideReturn with %d bytes, answered at once\n%28s %9s %9s %9s\n",
      bytes.size(), "", "p50 us", "p99 us", "calls/s");
  for (const Way* way : ways) {
    absl::PrintF("%28s %9.1f %9.1f %9.0f\n", way->name, way->MedianOf(&LoadResult::p50_us),
                 way->MedianOf(&LoadResult::p99_us), way->MedianOf(&LoadResult::per_second));
  }
  absl::PrintF("To serialize and parse the request takes %.2f us of it.\n", Median(messages));
  if (!go.ok()) {
    absl::PrintF("go-plugin is left out: %s\n", go.status().message());
  }
  Way best_64{"", nullptr, 0};
  for (size_t i = 0; i < bare_64.rounds.size(); ++i) {
    best_64.rounds.push_back(bare_64.rounds[i].per_second > bare_64_async.rounds[i].per_second
                                 ? bare_64.rounds[i]
                                 : bare_64_async.rounds[i]);
  }
  std::vector<double> sorted = *starts;
  std::sort(sorted.begin(), sorted.end());
  absl::PrintF(
      "A child has answered Describe %.1f ms after nothing was there, %.1f ms at the slowest of "
      "%d;\nafter its calls it has %.1f MB resident (Rss), of which %.1f MB are its own part "
      "(Pss).\n",
      Median(*starts), sorted.back(), sorted.size(), memory.rss, memory.pss);

  figures->Set("plugin_call_us", here_1.MedianOf(&LoadResult::p50_us));
  figures->Set("plugin_call_p99_us", here_1.MedianOf(&LoadResult::p99_us));
  figures->Set("plugin_call_message_us", Median(messages));
  figures->Set("plugin_call_bytes", static_cast<double>(bytes.size()));
  figures->Set("isolated_call_us", isolated_1.MedianOf(&LoadResult::p50_us));
  figures->Set("isolated_call_p99_us", isolated_1.MedianOf(&LoadResult::p99_us));
  figures->Set("isolated_64_per_s", isolated_64.MedianOf(&LoadResult::per_second));
  figures->Set("isolated_64_p50_us", isolated_64.MedianOf(&LoadResult::p50_us));
  figures->Set("isolated_64_p99_us", isolated_64.MedianOf(&LoadResult::p99_us));
  figures->Set("uds_call_us", bare_1.MedianOf(&LoadResult::p50_us));
  figures->Set("uds_call_p99_us", bare_1.MedianOf(&LoadResult::p99_us));
  figures->Set("uds_64_threads_per_s", bare_64.MedianOf(&LoadResult::per_second));
  figures->Set("uds_64_callbacks_per_s", bare_64_async.MedianOf(&LoadResult::per_second));
  figures->Set("isolated_vs_uds_seq", Ratio(isolated_1, bare_1, &LoadResult::p50_us));
  figures->Set("isolated_vs_uds_seq_p99", Ratio(isolated_1, bare_1, &LoadResult::p99_us));
  figures->Set("isolated_vs_uds_64", Ratio(best_64, isolated_64, &LoadResult::per_second));
  figures->Set("isolated_vs_uds_64_threads", Ratio(bare_64, isolated_64, &LoadResult::per_second));
  if (go.ok()) {
    figures->Set("goplugin_call_us", go_1.MedianOf(&LoadResult::p50_us));
    figures->Set("goplugin_call_p99_us", go_1.MedianOf(&LoadResult::p99_us));
    figures->Set("goplugin_64_per_s", go_64.MedianOf(&LoadResult::per_second));
    figures->Set("isolated_vs_goplugin_seq", Ratio(go_1, isolated_1, &LoadResult::p50_us));
    figures->Set("isolated_vs_goplugin_64", Ratio(isolated_64, go_64, &LoadResult::per_second));
  }
  figures->Set("child_ready_ms", Median(*starts));
  figures->Set("child_rss_mb", memory.rss);
  figures->Set("child_pss_mb", memory.pss);
  return absl::OkStatus();
}

}  // namespace aftersales::bench
