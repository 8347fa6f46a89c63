// An ERP that writes down every change that it is sent, repeats included, obeying its mode file;
// see fake_remote.h. A line of `<directory>/erp.log` is `effect_id subject status kind`.
//
// What it has to tell at a cursor is `<directory>/facts.CURSOR`, a serialized PullFactsResponse
// (`facts.first` at first); where there is no such file, nothing. A line of `pulls.log` is
// `cursor seller`, a line of `hangs.log` the method of a call that it does not answer.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "aftersales/sdk/erp.h"
#include "plugins/erps/files/change_record.h"
#include "tests/plugins/fake_remote.h"

namespace aftersales::testing {

class FakeErp : public sdk::ErpPlugin {
 public:
  explicit FakeErp(std::string id = "fake-erp") : id_(id), remote_(id) {}

  plugin::v1::DescribeResponse Describe() override {
    plugin::v1::DescribeResponse description;
    description.set_plugin_id(id_);
    description.set_display_name("Fake ERP");
    description.set_kind(v1::Plugin::KIND_ERP);
    plugin::v1::MethodDescription& push = *description.add_methods();
    push.set_method("PushChanges");
    push.set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
    plugin::v1::MethodDescription& pull = *description.add_methods();
    pull.set_method("PullFacts");
    pull.set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
    description.add_features("facts");
    FakeRemote::Describe(description);
    return description;
  }
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    return remote_.Configure(request);
  }

  // FAIL and RETRY take nothing. TIMEOUT_DONE takes all and says UNAVAILABLE, TIMEOUT_NOT_DONE only
  // says it. DUPLICATE writes every line twice. NONSENSE takes all and says that it took -7.
  sdk::Status PushChanges(const sdk::Call& call, const plugin::v1::PushChangesRequest& request,
                          plugin::v1::PushChangesResponse* response) override {
    Mode mode;
    if (sdk::Status status = remote_.ReadMode("PushChanges", mode); !status.ok()) return status;
    switch (mode) {
      case Mode::kFail:
      case Mode::kManual:
        response->set_message("told to fail");
        return sdk::Status::Ok();
      case Mode::kRetry:
        response->set_message("told to ask for another try");
        response->mutable_retry_after()->set_seconds(1);
        return sdk::Status::Ok();
      case Mode::kHang:
        return Hang(call, "PushChanges");
      case Mode::kTimeoutNotDone:
      case Mode::kError:
        return {sdk::Code::kUnavailable, "told to be unavailable"};
      case Mode::kCrashBefore:
        FakeRemote::Crash();
      case Mode::kOk:
      case Mode::kTimeoutDone:
      case Mode::kCrashAfter:
      case Mode::kDuplicate:
      case Mode::kLate:
      case Mode::kGarbage:
      case Mode::kNonsense:
        break;
    }
    std::string lines;
    for (const plugin::v1::Change& change : request.changes()) {
      const erps::Json record = erps::ToJson(change);
      const auto word = [&](const char* key) {
        const std::string text = record[key].get<std::string>();
        return text.empty() ? std::string("-") : text;
      };
      const std::string line =
          word("effect_id") + ' ' + word("subject") + ' ' + word("status") + ' ' + word("event");
      for (int i = 0; i < (mode == Mode::kDuplicate ? 2 : 1); ++i) {
        lines += (lines.empty() ? "" : "\n") + line;
      }
    }
    if (!lines.empty()) {
      if (sdk::Status status = remote_.AppendLine("erp.log", lines); !status.ok()) return status;
    }
    if (mode == Mode::kCrashAfter) FakeRemote::Crash();
    if (mode == Mode::kTimeoutDone) return {sdk::Code::kUnavailable, "told to lose the answer"};
    if (mode == Mode::kLate) FakeRemote::Hang(call);
    response->set_accepted_count(request.changes_size());
    if (mode == Mode::kGarbage) response->set_message("\xff\xfe garbage \xc0");
    if (mode == Mode::kNonsense) response->set_accepted_count(-7);
    return sdk::Status::Ok();
  }

  // NONSENSE tells more than it was asked for, GARBAGE what is no message.
  sdk::Status PullFacts(const sdk::Call& call, const plugin::v1::PullFactsRequest& request,
                        plugin::v1::PullFactsResponse* response) override {
    Mode mode;
    if (sdk::Status status = remote_.ReadMode("PullFacts", mode); !status.ok()) return status;
    if (mode == Mode::kHang) return Hang(call, "PullFacts");
    if (mode == Mode::kError) return {sdk::Code::kUnavailable, "told to be unavailable"};
    const std::string cursor = request.cursor().empty() ? "first" : request.cursor();
    if (sdk::Status status =
            remote_.AppendLine("pulls.log", cursor + ' ' + std::string(call.seller));
        !status.ok()) {
      return status;
    }
    std::ifstream file(remote_.directory() / ("facts." + cursor), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!response->ParseFromString(bytes)) return {sdk::Code::kInternal, "no PullFactsResponse"};
    if (mode == Mode::kNonsense) {
      while (response->facts_size() <= request.max_facts()) response->add_facts();
    }
    if (mode == Mode::kGarbage) response->set_next_cursor("\xff\xfe garbage \xc0");
    return sdk::Status::Ok();
  }

 private:
  sdk::Status Hang(const sdk::Call& call, const std::string& method) {
    if (sdk::Status status = remote_.AppendLine("hangs.log", method); !status.ok()) return status;
    FakeRemote::Hang(call);
    return {sdk::Code::kDeadlineExceeded, "told to hang"};
  }

  std::string id_;
  FakeRemote remote_;
};

}  // namespace aftersales::testing
