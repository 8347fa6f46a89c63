#include "credit_notes.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "documents.h"
#include "receipts.h"

namespace credit_notes {
namespace {

using nlohmann::json;
using sdk::Code;
using sdk::Status;

constexpr std::string_view kSellers = "sellers/";
constexpr auto kRequestTime = std::chrono::seconds(10);
constexpr int64_t kRetrySeconds = 5;
constexpr int64_t kRefusedRetrySeconds = 60;  // for what a person has to put right

// What the ERP asks for, or our own.
int64_t RetryAfter(const contract::SendHttpRequestResponse& response) {
  for (const auto& header : response.headers()) {
    int64_t seconds = 0;
    const char* end = header.value().data() + header.value().size();
    if (header.name() == "retry-after" &&
        std::from_chars(header.value().data(), end, seconds).ptr == end && seconds >= 0) {
      return std::min<int64_t>(seconds, 3600);
    }
  }
  return kRetrySeconds;
}

std::string Escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.') {
      out += static_cast<char>(c);
    } else {
      out += {'%', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return out;
}

}  // namespace

contract::DescribeResponse CreditNotes::Describe() {
  contract::DescribeResponse d;
  d.set_plugin_id("credit-notes");
  d.set_display_name("Credit notes over HTTP (C++)");
  d.set_vendor("Aftersales");
  d.set_version("1.0.0");
  d.add_features("facts");
  for (const char* name : {"PushChanges", "PullFacts"}) {
    auto* method = d.add_methods();
    method->set_method(name);
    method->set_capability(aftersales::v1::Plugin::CAPABILITY_SUPPORTED);
    method->set_idempotent(true);
  }
  auto* url = d.add_config_fields();
  url->set_key("url");
  url->set_description("Address of the ERP, such as https://erp.example/api");
  url->set_required(true);
  url->set_type(contract::ConfigField::TYPE_URL);
  auto* token = d.add_config_fields();
  token->set_key("token");
  token->set_description("Token that the ERP wants in the header Authorization");
  token->set_required(true);
  token->set_secret(true);
  return d;
}

Status CreditNotes::ValidateConfig(const contract::ValidateConfigRequest& request,
                                   contract::ValidateConfigResponse* response) {
  const auto url = request.config().find("url");
  if (url != request.config().end() && url->second.find_first_of("?#") != std::string::npos) {
    auto* problem = response->add_problems();
    problem->set_key("url");
    problem->set_message("must end before any ? or #");
  }
  return Status::Ok();
}

Status CreditNotes::Configure(const contract::ConfigureRequest& request) {
  url_ = request.config().at("url");
  while (url_.ends_with('/')) url_.pop_back();
  token_ = request.config().at("token");
  return Status::Ok();
}

Status CreditNotes::CheckHealth(contract::CheckHealthResponse* response) {
  const std::lock_guard lock(mutex_);
  response->set_healthy(problem_.empty());
  response->set_message(problem_);
  return Status::Ok();
}

Status CreditNotes::PushChanges(const sdk::Call& call, const contract::PushChangesRequest& request,
                                contract::PushChangesResponse* response) {
  for (const contract::Change& change : request.changes()) {
    if (const auto document = DocumentOf(change)) {
      const Answer answer =
          Send(call, "POST", document->path, document->body.dump(), change.effect_id());
      if (!answer.problem.empty()) {
        // None is passed over: the ERP has to take them in their order.
        response->set_message(change.effect_id() + ": " + answer.problem);
        response->mutable_retry_after()->set_seconds(answer.retry_seconds);
        Remember(response->message());
        return Status::Ok();
      }
    }
    response->set_accepted_count(response->accepted_count() + 1);
  }
  Remember("");
  return Status::Ok();
}

Status CreditNotes::PullFacts(const sdk::Call& call, const contract::PullFactsRequest& request,
                              contract::PullFactsResponse* response) {
  const std::string seller(call.seller.substr(std::min(call.seller.size(), kSellers.size())));
  const Answer answer =
      Send(call, "GET",
           "/receipts?seller=" + Escaped(seller) + "&after=" + Escaped(request.cursor()) +
               "&limit=" + std::to_string(request.max_facts()),
           "", "");
  if (!answer.problem.empty()) return Status(Code::kUnavailable, answer.problem);
  const json& page = answer.body;
  if (!page.is_object() || !page.contains("receipts") || !page["receipts"].is_array() ||
      !page.contains("next") || !page["next"].is_string() || !page.contains("more") ||
      !page["more"].is_boolean()) {
    return Status(Code::kInternal, "the ERP's receipts lack receipts, next or more");
  }
  for (const json& receipt : page["receipts"]) {
    aftersales::v1::Event fact;
    if (ReadReceipt(receipt, &fact)) {
      *response->add_facts() = std::move(fact);
    } else {
      call.Log(sdk::Level::kWarning, "a receipt cannot be read and was skipped");
    }
  }
  response->set_next_cursor(page["next"].get<std::string>());
  response->set_has_more(page["more"].get<bool>());
  return Status::Ok();
}

void CreditNotes::Remember(const std::string& problem) {
  const std::lock_guard lock(mutex_);
  problem_ = problem;
}

std::string CreditNotes::Token() const {
  const auto current = host().Secret("token");
  return current.ok() ? *current : token_;
}

CreditNotes::Answer CreditNotes::Send(const sdk::Call& call, const char* method,
                                      const std::string& path, const std::string& body,
                                      const std::string& key) const {
  const auto left = std::min<std::chrono::nanoseconds>(kRequestTime, call.TimeLeft());
  if (call.cancelled() || left <= std::chrono::nanoseconds(0)) {
    return {{}, "no time is left for it", 0};
  }
  contract::SendHttpRequestRequest request;
  request.set_method(method);
  request.set_url(url_ + path);
  request.set_body(body);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  request.mutable_timeout()->set_seconds(seconds.count());
  request.mutable_timeout()->set_nanos(static_cast<int32_t>((left - seconds).count()));
  const auto add = [&](const char* name, const std::string& value) {
    auto* header = request.add_headers();
    header->set_name(name);
    header->set_value(value);
  };
  add("Authorization", "Bearer " + Token());
  add("Accept", "application/json");
  if (!key.empty()) {
    add("Content-Type", "application/json");
    add("Idempotency-Key", key);
  }
  const auto sent = call.Http().Send(request);
  if (!sent.ok()) {
    return {{}, "the ERP does not answer: " + sent.status().message(), kRetrySeconds};
  }
  const int status = sent->status();
  if (status == 401 || status == 403) {
    return {{},
            "the ERP answers " + std::to_string(status) + ": check the setting `token`",
            kRefusedRetrySeconds};
  }
  if (status == 429 || status >= 500) {
    return {{}, "the ERP answers " + std::to_string(status), RetryAfter(*sent)};
  }
  if (status < 200 || status >= 300) {
    return {{},
            "the ERP refuses it with " + std::to_string(status) +
                "; it holds up all others until the ERP takes it",
            kRefusedRetrySeconds};
  }
  json read = json::parse(sent->body(), nullptr, /*allow_exceptions=*/false);
  if (read.is_discarded()) return {{}, "the ERP's answer is not JSON", kRetrySeconds};
  return {std::move(read), "", 0};
}

}  // namespace credit_notes

AFTERSALES_PLUGIN(credit_notes::CreditNotes);
