// The one way of the list methods.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
#include "core/status/text.h"

namespace aftersales::api {

// NOT_FOUND when there is no such seller, or no such channel of it where a filter names one: a
// typing error must not read as an empty list. `channel` is an id, empty for any.
absl::Status CheckScope(store::Reader& reader, std::string_view seller,
                        std::string_view channel = "");

// Answers one page of a list: reads what is wanted, a row more than fits, and makes the token of
// the next page of the last row that does.
//
//   kind     what is listed; a page token is of one kind, parent and filter
//   fields   that the filter may name
//   narrow   (filter, seller) -> StatusOr<Wanted>
//   read     (reader, seller, wanted, position, limit) -> vector<Row>; no position: from the start
//   place    (row) -> position, as texts
//   add      (row, page) -> Status
//
// What `response` holds already stays in the page.
template <typename Request, typename Response, typename Narrow, typename Read, typename Place,
          typename Add>
grpc::ServerUnaryReactor* RunList(grpc::CallbackServerContext* context, engine::Engine& engine,
                                  const Request* request, Response* response, std::string_view kind,
                                  const std::vector<std::string_view>& fields, Narrow narrow,
                                  Read read, Place place, Add add) {
  if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
  auto seller = names::ParseSeller(request->parent(), "parent");
  if (!seller.ok()) return FinishNow(context, seller.status());
  auto size = PageSize(request->page_size());
  if (!size.ok()) return FinishNow(context, size.status());
  auto filter = Filter::Parse(request->filter(), fields);
  if (!filter.ok()) return FinishNow(context, filter.status());
  auto channel = filter->Id("channel", *seller, "channels");
  if (!channel.ok()) return FinishNow(context, channel.status());
  auto wanted = narrow(*filter, *seller);
  if (!wanted.ok()) return FinishNow(context, wanted.status());
  PageTokens tokens(engine.store().Secret(),
                    Cat(kind, "\n", request->parent(), "\n", request->filter()));
  auto position = tokens.Read(request->page_token());
  if (!position.ok()) return FinishNow(context, position.status());
  return RunQuery(
      context, engine, response,
      [=, seller = *seller, size = static_cast<size_t>(*size), channel = *std::move(channel),
       wanted = *std::move(wanted), tokens = std::move(tokens),
       position = *std::move(position)](store::Reader& reader) -> absl::StatusOr<Response> {
        if (absl::Status s = CheckScope(reader, seller, channel); !s.ok()) return s;
        auto rows = read(reader, seller, wanted, position, static_cast<int>(size) + 1);
        Response page = *response;
        if (rows.size() > size) {
          rows.erase(rows.begin() + static_cast<int>(size), rows.end());
          page.set_next_page_token(tokens.Make(place(rows.back())));
        }
        for (auto& row : rows) {
          if (absl::Status s = add(std::move(row), &page); !s.ok()) return s;
        }
        return page;
      });
}

// For lists in the order of their ids.
template <typename Row>
std::vector<std::string> PlaceById(const Row& row) {
  return {std::string(names::Split(row.name()).id)};
}
inline std::string_view AfterId(const std::vector<std::string>& position) {
  return position.empty() ? std::string_view() : std::string_view(position.front());
}

}  // namespace aftersales::api
