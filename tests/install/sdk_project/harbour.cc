// An ERP that keeps the ids of changes in a file.
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

#include "aftersales/sdk/erp.h"

namespace {

namespace v1 = aftersales::plugin::v1;
using aftersales::sdk::Call;
using aftersales::sdk::Code;
using aftersales::sdk::Status;

class Harbour : public aftersales::sdk::ErpPlugin {
 public:
  v1::DescribeResponse Describe() override {
    v1::DescribeResponse d;
    d.set_plugin_id("harbour");
    d.set_display_name("Harbour books");
    d.set_vendor("Harbour");
    d.set_version("2.1.0");
    auto* push = d.add_methods();
    push->set_method("PushChanges");
    push->set_capability(aftersales::v1::Plugin::CAPABILITY_SUPPORTED);
    push->set_idempotent(true);
    return d;
  }

  Status Configure(const v1::ConfigureRequest& request) override {
    file_ = std::filesystem::path(request.data_directory()) / "taken";
    std::ifstream file(file_);
    for (std::string id; std::getline(file, id);) taken_.insert(id);
    return Status::Ok();
  }

  Status PushChanges(const Call&, const v1::PushChangesRequest& request,
                     v1::PushChangesResponse* response) override {
    const std::lock_guard lock(mutex_);
    std::ofstream file(file_, std::ios::app);
    for (const auto& change : request.changes()) {
      if (taken_.insert(change.effect_id()).second) file << change.effect_id() << "\n";
    }
    file.flush();
    if (!file) return {Code::kUnavailable, file_.string() + " cannot be written"};
    response->set_accepted_count(request.changes_size());
    return Status::Ok();
  }

 private:
  std::filesystem::path file_;
  std::mutex mutex_;
  std::set<std::string> taken_;
};

}  // namespace

AFTERSALES_PLUGIN(Harbour);
