#include "plugins/marketplaces/amazon_reports/performance_report.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "plugins/marketplaces/amazon_reports/report_types.h"
#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

using nlohmann::json;

const json& Member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

// The first member of several spellings that is there.
const json& Member(const json& object, const char* key, const char* other_key) {
  const json& found = Member(object, key);
  return found.is_null() ? Member(object, other_key) : found;
}

std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<int64_t> Count(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return std::nullopt;
  const auto count = value.get<int64_t>();
  if (count < 0) return std::nullopt;
  return count;
}

// By way of the shortest decimal text that means the number, so 0.01 is 1/100.
std::optional<Fraction> Decimal(const json& value) {
  if (value.is_string()) return ParseFraction(value.get_ref<const std::string&>());
  if (!value.is_number()) return std::nullopt;
  return ParseFraction(value.dump());
}

// `0.90%` for 9/1000, rounded half up.
std::string Percent(const Fraction& rate) {
  int64_t scaled = 0;
  int64_t doubled = 0;
  if (__builtin_mul_overflow(rate.numerator, int64_t{20000}, &scaled) ||
      __builtin_add_overflow(scaled, rate.denominator, &scaled) ||
      __builtin_mul_overflow(rate.denominator, int64_t{2}, &doubled)) {
    return {};
  }
  const int64_t hundredths = scaled / doubled;
  const std::string decimals = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + (decimals.size() == 1 ? ".0" : ".") + decimals + "%";
}

v1::Metric::Status MetricStatus(const json& value) {
  const std::string text = Text(value);
  if (text == "GOOD") return v1::Metric::STATUS_GOOD;
  if (text == "BAD") return v1::Metric::STATUS_BAD;
  if (text == "NONE") return v1::Metric::STATUS_NONE;
  return v1::Metric::STATUS_UNSPECIFIED;
}

v1::Threshold::Operator ThresholdOperator(const json& value) {
  const std::string text = Text(value);
  if (text == "LESS_THAN") return v1::Threshold::OPERATOR_LESS_THAN;
  if (text == "GREATER_THAN") return v1::Threshold::OPERATOR_GREATER_THAN;
  return v1::Threshold::OPERATOR_UNSPECIFIED;
}

// `2026-01-09` of `2026-01-09T00:00Z`, which has no seconds.
std::string Date(const json& value) {
  const auto instant = ParseInstant(Text(value));
  return instant ? std::string(FormatDate(*instant).view()) : std::string();
}

// Says that a count is there and cannot be one; the figure goes without it.
void CheckCount(const json& value, const char* figure, plugin::v1::ParseReportResponse* response) {
  if (value.is_null() || Count(value)) return;
  auto* problem = response->add_problems();
  problem->set_line(1);
  problem->set_column(figure);
  problem->set_reason("BAD_NUMBER");
  problem->set_message("The count " + value.dump().substr(0, 40) +
                       " is no number of orders and was left out.");
}

void AddMetric(const json& figure, v1::Metric::Kind kind, v1::Fulfillment fulfillment,
               const json& numerator, const json& denominator, const char* name,
               plugin::v1::AccountHealth* health, plugin::v1::ParseReportResponse* response) {
  if (!figure.is_object()) return;
  CheckCount(numerator, name, response);
  CheckCount(denominator, name, response);
  v1::Metric* metric = health->add_metrics();
  metric->set_kind(kind);
  metric->set_fulfillment(fulfillment);
  metric->set_source(v1::Metric::SOURCE_REPORTED);
  metric->set_status(MetricStatus(Member(figure, "status")));
  const json& range = Member(figure, "reportingDateRange");
  metric->set_window_start(Date(Member(range, "reportingDateFrom")));
  metric->set_window_end(Date(Member(range, "reportingDateTo")));
  const auto bad = Count(numerator);
  const auto all = Count(denominator);
  if (bad && all) {
    metric->mutable_value()->set_numerator(*bad);
    metric->mutable_value()->set_denominator(*all);
  }
  const auto rate = Decimal(Member(figure, "rate"));
  const bool nothing_to_judge = metric->status() == v1::Metric::STATUS_NONE || (all && *all == 0);
  metric->set_percent(rate && !nothing_to_judge ? Percent(*rate) : "n/a");
  if (const auto limit = Decimal(Member(figure, "targetValue"))) {
    v1::Threshold* threshold = metric->mutable_threshold();
    threshold->set_operator_(ThresholdOperator(Member(figure, "targetCondition")));
    threshold->mutable_limit()->set_numerator(limit->numerator);
    threshold->mutable_limit()->set_denominator(limit->denominator);
  }
}

void AddMetrics(const json& metrics, plugin::v1::AccountHealth* health,
                plugin::v1::ParseReportResponse* response) {
  const json& defects = Member(metrics, "orderDefectRate");
  struct Side {
    const char* key;
    v1::Fulfillment fulfillment;
  };
  for (const Side side : {Side{"mfn", v1::FULFILLMENT_MFN}, Side{"afn", v1::FULFILLMENT_AFN}}) {
    const json& figure = Member(defects, side.key);
    AddMetric(figure, v1::Metric::KIND_ODR, side.fulfillment,
              Member(Member(figure, "orderWithDefects"), "count"), Member(figure, "orderCount"),
              "orderDefectRate", health, response);
  }
  const json& late = Member(metrics, "lateShipmentRate");
  AddMetric(late, v1::Metric::KIND_LSR, v1::FULFILLMENT_MFN, Member(late, "lateShipmentCount"),
            Member(late, "orderCount"), "lateShipmentRate", health, response);
  const json& tracking = Member(metrics, "validTrackingRate");
  AddMetric(tracking, v1::Metric::KIND_VTR, v1::FULFILLMENT_MFN,
            Member(tracking, "validTrackingCount"), Member(tracking, "shipmentCount"),
            "validTrackingRate", health, response);
}

// Whether it is nested deeper than any report: copying such a document would take a stack as deep.
bool NestedTooDeep(std::string_view text) {
  constexpr int kDeepest = 64;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// One document, one in an array, or one on each line.
std::vector<json> Documents(std::string_view text) {
  if (NestedTooDeep(text)) return {};
  std::vector<json> out;
  json whole = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!whole.is_discarded()) {
    if (whole.is_array()) return whole.get<std::vector<json>>();
    out.push_back(std::move(whole));
    return out;
  }
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    json document = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (document.is_discarded()) return {};
    out.push_back(std::move(document));
  }
  return out;
}

}  // namespace

int ReadPerformanceReport(std::string_view text, plugin::v1::ParseReportResponse* response,
                          std::string_view* reason, std::string* error) {
  const std::vector<json> documents = Documents(text);
  if (documents.empty()) {
    *reason = "BAD_JSON";
    *error =
        "The file starts like JSON but is no valid JSON document, or one that is nested deeper "
        "than any report: it may have been cut off.";
    return 0;
  }
  // By marketplace, in a fixed order.
  std::map<std::string, plugin::v1::AccountHealth> by_marketplace;
  for (const json& document : documents) {
    const json& statuses = Member(document, "accountStatuses", "accountStatus");
    const json& metrics = Member(document, "performanceMetrics");
    if (!statuses.is_array() && !metrics.is_array()) {
      *reason = "WRONG_REPORT";
      *error =
          Member(document, "errors").is_array()
              ? "This is an error answer of Amazon and not a report: download the report again."
              : "This JSON document is not " + std::string(TypeOf(ReportKind::kPerformance)) +
                    ": it has neither `accountStatuses` nor `performanceMetrics`.";
      return 0;
    }
    for (const json& status : statuses.is_array() ? statuses : json::array()) {
      std::string word = Text(Member(status, "status"));
      // The example's word for the schema's.
      if (word == "SUSPENDED") word = "DEACTIVATED";
      by_marketplace[Text(Member(status, "marketplaceId"))].set_platform_status(word);
    }
    for (const json& entry : metrics.is_array() ? metrics : json::array()) {
      AddMetrics(entry, &by_marketplace[Text(Member(entry, "marketplaceId"))], response);
    }
  }
  for (auto& [marketplace, health] : by_marketplace) {
    health.set_marketplace_id(marketplace);
    auto* record = response->add_records();
    record->set_line(1);
    record->mutable_account_health()->Swap(&health);
  }
  return static_cast<int>(by_marketplace.size());
}

}  // namespace aftersales::amazon_reports
