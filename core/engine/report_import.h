// One report file on its way in: bytes to the marketplace plugin, its records to the store.
//
// Runs on the thread that feeds it. Memory does not grow with the file: a piece is parsed while the
// records of the piece before are being committed, and no more than that is held.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "aftersales/v1/channel_service.pb.h"
#include "core/engine/engine.h"

namespace aftersales::engine {

class Inflater;

class ReportImport {
 public:
  // Checks the header: NOT_FOUND for a channel that is not bound, FAILED_PRECONDITION
  // `NO_REPORTS` if its plugin reads none.
  static absl::StatusOr<std::unique_ptr<ReportImport>> Begin(Engine& engine, v1::Actor actor,
                                                             const v1::ImportReportHeader& header);
  ~ReportImport();

  // The next bytes of the file. After an error nothing more may be fed.
  absl::Status Feed(std::string_view bytes);
  // The end of the file: what became of it.
  absl::StatusOr<v1::ImportReportResponse> Finish();
  // A refusal that ends the import, with what was stored before it.
  absl::Status Ended(const absl::Status& refusal);

 private:
  struct Batch;
  ReportImport(Engine& engine, v1::Actor actor, const v1::ImportReportHeader& header,
               ChannelInfo channel);
  absl::Status Parse(std::string_view piece, bool final);
  void AddProblem(const plugin::v1::ReportProblem& problem);
  void Store(std::vector<plugin::v1::ReportRecord> records);
  absl::Status AwaitBatch();
  v1::ImportCount& Count(const std::string& kind);

  Engine& engine_;
  const v1::Actor actor_;
  const v1::ImportReportHeader header_;
  const ChannelInfo channel_;
  plugins::PluginHandle* plugin_;
  std::string seller_;
  std::unique_ptr<Inflater> inflater_;
  std::string pending_;  // bytes not yet handed to the plugin
  std::string state_;
  std::string report_type_;
  v1::ImportReportResponse response_;
  std::map<std::string, v1::ImportCount> counts_;
  std::shared_ptr<Batch> running_;
  bool began_ = false;
};

}  // namespace aftersales::engine
