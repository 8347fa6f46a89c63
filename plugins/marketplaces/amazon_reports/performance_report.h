// GET_V2_SELLER_PERFORMANCE_REPORT: account health as Amazon sees it, in JSON.
#pragma once

#include <string>
#include <string_view>

#include "aftersales/plugin/v1/marketplace.pb.h"

namespace aftersales::amazon_reports {

// Adds one AccountHealth record for each marketplace in the report: its status, and of its figures
// order defect rate (MFN and AFN), late shipment rate and valid tracking rate, as reported. Rates
// are never computed again: Amazon's counts contradict each other, even in its own example. A count
// that is none (negative, too great, no whole number) is a problem `BAD_NUMBER`. Takes
// one document or one for each line. Answers how many marketplaces there were; on failure `*reason`
// is set to BAD_JSON or WRONG_REPORT, `*error` to a sentence, and no record is added.
//
// Source: schemas/reports/accountHealthReport-2020-11-18.json of
// amzn/selling-partner-api-models, and its example, which spells some keys otherwise.
int ReadPerformanceReport(std::string_view text, plugin::v1::ParseReportResponse* response,
                          std::string_view* reason, std::string* error);

}  // namespace aftersales::amazon_reports
