#include "core/conformance/corpus.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"

namespace aftersales::conformance {
namespace {

namespace pb = google::protobuf;
namespace p1 = plugin::v1;
using pb::FieldDescriptor;

// One message after the other is deep enough: exchanges hold quotes that hold items.
constexpr int kDepthMax = 5;
constexpr int kFilledIn = 3;
constexpr int64_t kSomeDay = 1772442000;  // 2026-03-02T09:00:00Z

const pb::MethodDescriptor* Method(std::string_view path) {
  std::string name(path.substr(path.empty() ? 0 : 1));
  for (char& c : name) {
    if (c == '/') c = '.';
  }
  return p1::DescribeRequest::descriptor()->file()->pool()->FindMethodByName(name);
}

std::unique_ptr<pb::Message> New(const pb::Descriptor* type) {
  const pb::Message* prototype = pb::MessageFactory::generated_factory()->GetPrototype(type);
  return std::unique_ptr<pb::Message>(prototype->New());
}

std::string TextFor(const std::string& field, std::mt19937_64& random) {
  const uint64_t n = random() % 100'000;
  if (field == "currency_code") return "USD";
  if (field == "marketplace_id") return "ATVPDKIKX0DER";
  if (field == "time_zone") return "America/Los_Angeles";
  if (field == "tracking_number") return absl::StrCat("LX", 100'000'000 + n, "CN");
  if (field == "carrier") return "DHL";
  if (field == "url" || field == "document") return absl::StrCat("https://example.com/", n);
  if (field == "asin") return absl::StrCat("B0", 10'000'000 + n);
  if (field == "sku") return absl::StrCat("SKU-", n);
  if (field == "ship_country") return "US";
  if (field == "name") return absl::StrCat("sellers/acme/returns/r", n);
  if (field == "subject" || field == "return_name") {
    return absl::StrCat("sellers/acme/returns/r", n);
  }
  if (field == "order") return absl::StrCat("sellers/acme/orders/o", n);
  if (field == "channel") return "sellers/acme/channels/us";
  if (field == "order_external_id") return absl::StrCat("113-6270000-", 6'200'000 + n);
  if (field == "effect_id") return absl::StrCat("effect-", n, "-", random() % 100'000);
  return absl::StrCat(field, " ", n);
}

void FillField(pb::Message& message, const FieldDescriptor* field, std::mt19937_64& random,
               int depth) {
  const pb::Reflection* reflection = message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (depth >= kDepthMax) return;
      const int count = repeated ? 1 + static_cast<int>(random() % 2) : 1;
      for (int i = 0; i < count; ++i) {
        FillIn(repeated ? *reflection->AddMessage(&message, field)
                        : *reflection->MutableMessage(&message, field),
               random, depth + 1);
      }
      return;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = TextFor(field->name(), random);
      if (repeated) {
        reflection->AddString(&message, field, text);
      } else {
        reflection->SetString(&message, field, text);
      }
      return;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const pb::EnumDescriptor* type = field->enum_type();
      const int known = type->value_count() - 1;  // the first is UNSPECIFIED
      const int index = 1 + static_cast<int>(random() % static_cast<uint64_t>(std::max(1, known)));
      const pb::EnumValueDescriptor* value = type->value(std::min(index, known));
      if (repeated) {
        reflection->AddEnum(&message, field, value);
      } else {
        reflection->SetEnum(&message, field, value);
      }
      return;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!repeated) reflection->SetBool(&message, field, random() % 2 == 0);
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      if (!repeated) reflection->SetInt32(&message, field, 1 + static_cast<int>(random() % 5));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      if (!repeated) {
        reflection->SetInt64(&message, field, 1 + static_cast<int64_t>(random() % 10'000));
      }
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!repeated) reflection->SetDouble(&message, field, 0.5);
      return;
    default:
      return;  // the contract has none of the others
  }
}

v1::Money Money(int64_t minor_units) {
  v1::Money money;
  money.set_minor_units(minor_units);
  money.set_currency_code("USD");
  return money;
}

v1::Return AReturn(int number) {
  v1::Return r;
  r.set_name(absl::StrCat("sellers/acme/returns/r", number));
  r.set_channel("sellers/acme/channels/us");
  r.set_order("sellers/acme/orders/o1");
  r.set_order_external_id("113-6270000-6280000");
  r.set_external_id(absl::StrCat("DVxBHq", number));
  r.set_external_rma_id(absl::StrCat("DVxBHq", number, "RRMA"));
  r.set_fulfillment(v1::FULFILLMENT_MFN);
  r.set_status(v1::Return::STATUS_APPROVED);
  r.mutable_requested_at()->set_seconds(kSomeDay - 86'400);
  r.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
  r.mutable_decision()->mutable_actor()->set_role(v1::ROLE_MANAGER);
  r.mutable_decision()->mutable_actor()->set_id("mia");
  r.set_return_method(v1::RETURN_METHOD_PREPAID);
  r.set_return_address_id("east");
  auto* item = r.add_items();
  item->set_line_id("1");
  item->set_sku("LAMP-CLIP-W");
  item->set_external_item_id("62800001");
  item->set_quantity_requested(2);
  item->set_quantity_approved(2);
  item->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
  return r;
}

v1::Refund ARefund(int number) {
  v1::Refund r;
  r.set_name(absl::StrCat("sellers/acme/refunds/f", number));
  r.set_order("sellers/acme/orders/o1");
  r.set_return_name("sellers/acme/returns/r1");
  r.set_channel("sellers/acme/channels/us");
  r.set_order_external_id("113-6270000-6280000");
  r.set_kind(v1::Refund::KIND_RETURN);
  r.set_status(v1::Refund::STATUS_SUBMITTED);
  *r.mutable_total() = Money(2150);
  auto* item = r.add_breakdown();
  item->set_kind(v1::BreakdownLine::KIND_ITEM);
  item->set_line_id("1");
  item->set_quantity(1);
  *item->mutable_amount() = Money(2000);
  auto* tax = r.add_breakdown();
  tax->set_kind(v1::BreakdownLine::KIND_ITEM_TAX);
  tax->set_line_id("1");
  tax->set_quantity(1);
  *tax->mutable_amount() = Money(150);
  auto* refunded = r.add_items();
  refunded->set_line_id("1");
  refunded->set_quantity(1);
  refunded->set_condition(v1::CONDITION_DEFECTIVE);
  refunded->set_reason(v1::RETURN_REASON_DEFECTIVE);
  return r;
}

p1::Change AChange(int number, std::mt19937_64& random) {
  p1::Change change;
  change.set_effect_id(absl::StrCat("change-", number, "-", random() % 1'000'000));
  v1::Event& event = *change.mutable_event();
  event.mutable_occurred_at()->set_seconds(kSomeDay + number);
  event.mutable_actor()->set_role(v1::ROLE_MANAGER);
  event.mutable_actor()->set_id("mia");
  if (number % 2 == 0) {
    *change.mutable_return_resource() = AReturn(number);
    event.set_subject(change.return_resource().name());
    event.mutable_return_approved()->set_return_method(v1::RETURN_METHOD_PREPAID);
  } else {
    *change.mutable_refund() = ARefund(number);
    event.set_subject(change.refund().name());
    event.mutable_refund_succeeded();
  }
  return change;
}

constexpr std::string_view kReports[] = {
    "Order ID\tReturn request date\tAmazon RMA ID\tMerchant SKU\tReturn quantity\tReturn Reason\n"
    "113-6270000-6280000\t09-Mar-2026\tDVxBHq36RRMA\tLAMP-CLIP-W\t1\tCR-DEFECTIVE\n"
    "113-6270000-6280001\t10-Mar-2026\tDVxBHq37RRMA\tSOCK-WOOL-M\t2\tCR-UNWANTED_ITEM\n",
    "order-id,sku,quantity,reason\n113-6270000-6280000,LAMP,1,DEFECTIVE\n",
    "{\"accountStatuses\":[{\"marketplaceId\":\"ATVPDKIKX0DER\",\"status\":\"NORMAL\"}]}",
    "",
};

// The realistic ones.
std::vector<std::unique_ptr<pb::Message>> Realistic(std::string_view path,
                                                    std::mt19937_64& random) {
  std::vector<std::unique_ptr<pb::Message>> requests;
  const std::string name = ShortName(path);
  const auto effect = [&] { return absl::StrCat("effect-", random() % 1'000'000'000); };
  if (name == "ValidateTrackingNumbers") {
    auto request = std::make_unique<p1::ValidateTrackingNumbersRequest>();
    for (const char* number : {"LX123456785CN", "1Z999AA10123456784", "JD014600003889411500",
                               "9400 1000 0000 0000 0000 00", "lx-123-456-785-cn", "0"}) {
      for (const int scans : {0, 3}) {
        auto* query = request->add_queries();
        query->set_tracking_number(number);
        query->set_carrier(scans == 0 ? "" : "DHL");
        query->set_scan_count(scans);
      }
    }
    requests.push_back(std::move(request));
    auto full = std::make_unique<p1::ValidateTrackingNumbersRequest>();
    for (int i = 0; i < 1000; ++i) {
      full->add_queries()->set_tracking_number(absl::StrCat("LX", 100'000'000 + i, "CN"));
    }
    requests.push_back(std::move(full));
  } else if (name == "IssueLabel") {
    auto request = std::make_unique<p1::IssueLabelRequest>();
    request->set_effect_id(effect());
    *request->mutable_return_resource() = AReturn(1);
    requests.push_back(std::move(request));
  } else if (name == "VoidLabel") {
    auto request = std::make_unique<p1::VoidLabelRequest>();
    request->set_effect_id(effect());
    *request->mutable_return_resource() = AReturn(1);
    auto* label = request->mutable_label();
    label->set_label_id("l1");
    label->set_kind(v1::ReturnLabel::KIND_MERCHANT);
    label->set_state(v1::ReturnLabel::STATE_VOIDING);
    label->set_carrier("DHL");
    label->set_tracking_number("LX123456785CN");
    *label->mutable_cost() = Money(640);
    requests.push_back(std::move(request));
  } else if (name == "QueryEffect") {
    auto request = std::make_unique<p1::QueryEffectRequest>();
    request->set_effect_id(absl::StrCat("never-", random() % 1'000'000'000));
    request->set_method(absl::StrContains(std::string(path), "Carrier") ? "IssueLabel"
                                                                        : "IssueRefund");
    requests.push_back(std::move(request));
  } else if (name == "ParseReport") {
    for (const std::string_view report : kReports) {
      auto request = std::make_unique<p1::ParseReportRequest>();
      request->set_marketplace_id("ATVPDKIKX0DER");
      request->set_currency_code("USD");
      request->set_time_zone("America/Los_Angeles");
      request->set_chunk(std::string(report));
      request->set_final(true);
      requests.push_back(std::move(request));
    }
  } else if (name == "DecideReturn") {
    auto request = std::make_unique<p1::DecideReturnRequest>();
    request->set_effect_id(effect());
    *request->mutable_return_resource() = AReturn(1);
    request->set_marketplace_id("ATVPDKIKX0DER");
    requests.push_back(std::move(request));
  } else if (name == "IssueRefund") {
    auto request = std::make_unique<p1::IssueRefundRequest>();
    request->set_effect_id(effect());
    *request->mutable_refund() = ARefund(1);
    request->set_marketplace_id("ATVPDKIKX0DER");
    requests.push_back(std::move(request));
  } else if (name == "PushChanges") {
    for (const int count : {1, 7}) {
      auto request = std::make_unique<p1::PushChangesRequest>();
      for (int i = 0; i < count; ++i) *request->add_changes() = AChange(i, random);
      requests.push_back(std::move(request));
    }
  } else if (name == "PullFacts") {
    for (const int most : {1, 500}) {
      auto request = std::make_unique<p1::PullFactsRequest>();
      request->set_max_facts(most);
      requests.push_back(std::move(request));
    }
  } else if (name == "PullAlerts") {
    for (const int most : {1, 500}) {
      auto request = std::make_unique<p1::PullAlertsRequest>();
      request->set_max_alerts(most);
      requests.push_back(std::move(request));
    }
  } else if (name == "GetBenchmarks") {
    for (const char* marketplace : {"", "ATVPDKIKX0DER"}) {
      auto request = std::make_unique<p1::GetBenchmarksRequest>();
      request->set_marketplace_id(marketplace);
      requests.push_back(std::move(request));
    }
  }
  return requests;
}

// Whether a request means anything when it is filled in at random: cursors and states are the
// plugin's own.
bool CanBeFilledIn(std::string_view path) {
  const std::string name = ShortName(path);
  return name != "ParseReport" && name != "PullFacts" && name != "PullAlerts" &&
         name != "GetBenchmarks" && name != "QueryEffect";
}

std::string EffectId(const pb::Message& message) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("effect_id");
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

}  // namespace

std::vector<std::string> MethodsOf(v1::Plugin::Kind kind) {
  const pb::FileDescriptor* file = nullptr;
  switch (kind) {
    case v1::Plugin::KIND_CARRIER:
      file = p1::IssueLabelRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_MARKETPLACE:
      file = p1::ParseReportRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_ERP:
      file = p1::PushChangesRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_ANALYTICS:
      file = p1::PullAlertsRequest::descriptor()->file();
      break;
    default:
      return {};
  }
  std::vector<std::string> paths;
  const pb::ServiceDescriptor* service = file->service(0);
  for (int i = 0; i < service->method_count(); ++i) {
    paths.push_back(absl::StrCat("/", service->full_name(), "/", service->method(i)->name()));
  }
  return paths;
}

std::string ShortName(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

v1::Plugin::Capability CapabilityOf(const p1::DescribeResponse& description,
                                    std::string_view path) {
  for (const auto& method : description.methods()) {
    if (method.method() == ShortName(path)) return method.capability();
  }
  return v1::Plugin::CAPABILITY_UNSUPPORTED;
}

bool PromisesIdempotency(const p1::DescribeResponse& description, std::string_view path) {
  for (const auto& method : description.methods()) {
    if (method.method() == ShortName(path)) return method.idempotent();
  }
  return false;
}

std::unique_ptr<pb::Message> NewRequest(std::string_view path) {
  const pb::MethodDescriptor* method = Method(path);
  return method == nullptr ? nullptr : New(method->input_type());
}

std::unique_ptr<pb::Message> NewResponse(std::string_view path) {
  const pb::MethodDescriptor* method = Method(path);
  return method == nullptr ? nullptr : New(method->output_type());
}

void FillIn(pb::Message& message, std::mt19937_64& random, int depth) {
  const pb::Descriptor* type = message.GetDescriptor();
  if (type->full_name() == "google.protobuf.Timestamp") {
    static_cast<pb::Timestamp&>(message).set_seconds(kSomeDay +
                                                     static_cast<int64_t>(random() % 86'400));
    return;
  }
  if (type->full_name() == "google.protobuf.Duration") {
    static_cast<pb::Duration&>(message).set_seconds(static_cast<int64_t>(random() % 3600));
    return;
  }
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->is_map() || field->real_containing_oneof() != nullptr) continue;
    FillField(message, field, random, depth);
  }
  for (int i = 0; i < type->real_oneof_decl_count(); ++i) {
    const pb::OneofDescriptor* oneof = type->oneof_decl(i);
    const auto chosen = random() % static_cast<uint64_t>(oneof->field_count());
    FillField(message, oneof->field(static_cast<int>(chosen)), random, depth);
  }
}

std::vector<Request> RequestsFor(std::string_view path, std::mt19937_64& random) {
  std::vector<std::unique_ptr<pb::Message>> messages = Realistic(path, random);
  if (CanBeFilledIn(path)) {
    for (int i = 0; i < kFilledIn; ++i) {
      messages.push_back(NewRequest(path));
      FillIn(*messages.back(), random);
    }
  }
  std::vector<Request> requests;
  for (auto& message : messages) {
    Request request;
    request.path = std::string(path);
    request.idempotency_key = EffectId(*message);
    request.bytes = message->SerializeAsString();
    request.message = std::move(message);
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<Request> CorpusFor(const p1::DescribeResponse& description, std::mt19937_64& random) {
  std::vector<Request> corpus;
  for (const std::string& path : MethodsOf(description.kind())) {
    const auto capability = CapabilityOf(description, path);
    if (capability != v1::Plugin::CAPABILITY_SUPPORTED &&
        capability != v1::Plugin::CAPABILITY_MANUAL) {
      continue;
    }
    for (Request& request : RequestsFor(path, random)) corpus.push_back(std::move(request));
  }
  return corpus;
}

}  // namespace aftersales::conformance
