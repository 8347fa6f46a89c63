#include "core/host/cli/references.h"

#include "absl/strings/numbers.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

// Returns that match a filter; more than a handful is ambiguous anyway.
absl::StatusOr<std::vector<v1::Return>> Matching(const Session& session, const std::string& seller,
                                                 const std::string& filter) {
  v1::ListReturnsRequest request;
  request.set_parent(seller);
  request.set_page_size(10);
  request.set_filter(filter);
  v1::ListReturnsResponse response;
  if (absl::Status status =
          session.client.Call(&v1::ReturnService::Stub::ListReturns, request, &response);
      !status.ok()) {
    return status;
  }
  return std::vector<v1::Return>(response.returns().begin(), response.returns().end());
}

absl::Status Ambiguous(std::string_view reference, const std::vector<v1::Return>& found) {
  std::vector<std::string> choices;
  for (const v1::Return& one : found) {
    choices.push_back(Cat(IdOf(one.name()), " (", Word(one.status()), ")"));
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "AMBIGUOUS",
                Cat("`", reference, "` stands for several returns: ", absl::StrJoin(choices, ", "),
                    "; name one of them by its id"));
}

}  // namespace

absl::StatusOr<v1::Return> FindReturn(const Session& session, std::string_view reference) {
  const absl::StatusOr<std::string> name = session.Name("returns", reference);
  if (!name.ok()) return name.status();
  v1::GetReturnRequest get;
  get.set_name(*name);
  v1::Return found;
  const absl::Status status = session.client.Call(&v1::ReturnService::Stub::GetReturn, get, &found);
  if (status.ok()) return found;
  if (!absl::IsNotFound(status) || reference.find('/') != std::string_view::npos) return status;

  // Not the host's own id: the marketplace's, or the order's.
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  for (const std::string& filter : {Cat("external_rma_id = \"", reference, "\""),
                                    Cat("order = \"", *seller, "/orders/", reference, "\"")}) {
    const absl::StatusOr<std::vector<v1::Return>> matches = Matching(session, *seller, filter);
    if (!matches.ok()) return matches.status();
    if (matches->size() == 1) return matches->front();
    if (matches->size() > 1) return Ambiguous(reference, *matches);
  }
  return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                Cat("no return has the id, RMA id or order id `", reference,
                    "`; `aftersales returns list` shows them"));
}

void AddReturnReference(CLI::App* command, std::string* reference) {
  command->add_option("return", *reference, "Return id, RMA id, order id or resource name")
      ->option_text("RETURN")
      ->required();
}

std::string ReferenceOf(const v1::Return& value) {
  return value.external_rma_id().empty() ? std::string(IdOf(value.name()))
                                         : value.external_rma_id();
}

absl::StatusOr<LineQuantity> ParseLineQuantity(std::string_view text, std::string_view option) {
  // The quantity follows the last colon, and only digits are one: SKUs may hold colons themselves.
  LineQuantity line{std::string(text), 1};
  const size_t colon = text.rfind(':');
  bool ok = !text.empty();
  if (colon != std::string_view::npos) {
    line.line_id = std::string(text.substr(0, colon));
    ok = !line.line_id.empty() && absl::SimpleAtoi(View(text.substr(colon + 1)), &line.quantity) &&
         line.quantity >= 1;
  }
  if (ok) return line;
  return Refuse(absl::StatusCode::kInvalidArgument, "BAD_LINE",
                Cat("`", text, "` is not a line with a quantity"))
      .Field(option, "write it like LINE:2, or LINE for one unit");
}

}  // namespace aftersales::cli
