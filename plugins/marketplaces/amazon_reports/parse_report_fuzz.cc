// Random files in random pieces: nothing may crash, and pieces may not matter.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/marketplaces/amazon_reports/report_reader.h"

namespace {

using aftersales::amazon_reports::ReadPiece;
using aftersales::plugin::v1::ParseReportRequest;
using aftersales::plugin::v1::ParseReportResponse;

// All records and problems of a file that is fed in pieces of one size.
std::string Read(const std::string& file, size_t piece, bool told, bool japan) {
  ParseReportResponse all;
  std::string state;
  for (size_t at = 0; at == 0 || at < file.size(); at += piece) {
    ParseReportRequest request;
    if (told) request.set_report_type("GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE");
    request.set_marketplace_id(japan ? "A1VC38T7YXB528" : "ATVPDKIKX0DER");
    request.set_currency_code(japan ? "JPY" : "USD");
    request.set_chunk(file.substr(at, piece));
    request.set_final(at + piece >= file.size());
    request.set_state(state);
    ParseReportResponse response;
    if (!ReadPiece(request, &response)) abort();
    state = response.state();
    all.mutable_records()->MergeFrom(response.records());
    all.mutable_problems()->MergeFrom(response.problems());
  }
  return all.SerializeAsString();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool told = (data[0] & 1) != 0;
  const bool japan = (data[0] & 2) != 0;
  const size_t piece = 1 + data[1];
  const std::string file(reinterpret_cast<const char*>(data + 2), size - 2);
  if (Read(file, piece, told, japan) != Read(file, file.size() + 1, told, japan)) abort();

  // The bytes as a state, too: it must be refused or read, not believed.
  ParseReportRequest request;
  request.set_chunk("1\t2\n");
  request.set_state(file);
  ParseReportResponse response;
  ReadPiece(request, &response);
  return 0;
}
