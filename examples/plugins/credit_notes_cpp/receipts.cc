#include "receipts.h"

#include <chrono>
#include <cstdio>

namespace credit_notes {

bool ReadTime(const std::string& text, int64_t* seconds) {
  int year = 0, offset_minutes = 0, end = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute,
                  &second, &end) != 6 ||
      end != 19) {
    return false;
  }
  const std::string zone = text.substr(static_cast<size_t>(end));
  if (zone != "Z") {
    unsigned hours = 0, minutes = 0;
    int zone_end = 0;
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') ||
        std::sscanf(zone.c_str() + 1, "%2u:%2u%n", &hours, &minutes, &zone_end) != 2 ||
        zone_end != 5 || hours > 23 || minutes > 59) {
      return false;
    }
    offset_minutes = static_cast<int>(hours * 60 + minutes) * (zone[0] == '-' ? -1 : 1);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return false;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  *seconds = days * 86400 + hour * 3600 + minute * 60 + second - int64_t{offset_minutes} * 60;
  return true;
}

bool ReadReceipt(const nlohmann::json& receipt, aftersales::v1::Event* fact) {
  try {
    const std::string id = receipt.at("id").get<std::string>();
    int64_t seconds = 0;
    if (id.empty() || !ReadTime(receipt.at("received_at").get<std::string>(), &seconds)) {
      return false;
    }
    fact->set_subject(receipt.at("return").get<std::string>());
    fact->set_external_id("receipt-" + id);  // makes it unique: told twice, it counts once
    fact->mutable_occurred_at()->set_seconds(seconds);
    const std::string location = receipt.value("location", "");
    fact->mutable_actor()->set_role(aftersales::v1::ROLE_WAREHOUSE);
    fact->mutable_actor()->set_id(location);
    auto* body = fact->mutable_units_received()->mutable_receipt();
    body->set_receipt_id(fact->external_id());
    *body->mutable_received_at() = fact->occurred_at();
    body->set_location(location);
    for (const auto& line : receipt.at("lines")) {
      // A number that is a text or has a fraction is no count.
      if (!line.at("quantity").is_number_integer()) return false;
      auto* received = body->add_lines();
      received->set_line_id(line.at("line_id").get<std::string>());
      received->set_quantity(line.at("quantity").get<int32_t>());
    }
    return body->lines_size() > 0;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace credit_notes
