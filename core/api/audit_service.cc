#include "aftersales/v1/audit_service.grpc.pb.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/audit_chain.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"

namespace aftersales::api {
namespace {

constexpr int kVerifyPage = 5000;

std::string Hex(std::string_view bytes) { return absl::BytesToHexString(View(bytes)); }

class AuditService final : public v1::AuditService::CallbackService {
 public:
  explicit AuditService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ListAuditEntries(grpc::CallbackServerContext* context,
                                             const v1::ListAuditEntriesRequest* request,
                                             v1::ListAuditEntriesResponse* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    PageTokens tokens(engine_.store().Secret(), Cat("audit\n", request->parent()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    int64_t after = 0;
    if (!position->empty()) (void)absl::SimpleAtoi(position->front(), &after);
    return RunQuery(context, engine_, response,
                    [seller = *seller, size = *size, after, tokens = std::move(tokens)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListAuditEntriesResponse> {
                      return Page(reader, seller, after, size, tokens);
                    });
  }

  grpc::ServerUnaryReactor* VerifyAudit(grpc::CallbackServerContext* context,
                                        const v1::VerifyAuditRequest* request,
                                        v1::VerifyAuditResponse* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    const std::string known = absl::HexStringToBytes(request->known_hash());
    if (!request->known_hash().empty() &&
        (known.size() != kChainHashBytes || Hex(known) != request->known_hash())) {
      return FinishNow(context, InvalidField("known_hash", "BAD_HASH",
                                             "a hash is 64 hexadecimal digits in small letters"));
    }
    return RunQuery(
        context, engine_, response,
        [seller = *seller, known, states = request->states()](
            store::Reader& reader) -> absl::StatusOr<v1::VerifyAuditResponse> {
          if (absl::Status s = CheckScope(reader, seller); !s.ok()) return s;
          v1::VerifyAuditResponse found = Verify(reader, seller, known);
          if (!states) return found;
          engine::VerifyStates(reader, seller, &found);
          if (found.states_differing().empty()) return found;
          found.set_intact(false);
          if (found.message().empty()) {
            found.set_message(Cat("what is stored of ", found.states_differing(0),
                                  " does not follow from its facts; it is a defect, report it"));
          }
          return found;
        });
  }

 private:
  static absl::StatusOr<v1::ListAuditEntriesResponse> Page(store::Reader& reader,
                                                           std::string_view seller, int64_t after,
                                                           int size, const PageTokens& tokens) {
    if (absl::Status s = CheckScope(reader, seller); !s.ok()) return s;
    // The entry before the page has the hash that its first one follows.
    const int before = after > 0 ? 1 : 0;
    const std::vector<store::ChainedEvent> rows =
        reader.ChainAfter(seller, after - before, size + before + 1);
    v1::ListAuditEntriesResponse page;
    std::string previous = ChainStart();
    for (const store::ChainedEvent& row : rows) {
      if (row.seq > after) {
        if (page.entries_size() == size) {
          page.set_next_page_token(tokens.Make({Cat(page.entries(size - 1).sequence())}));
          break;
        }
        v1::AuditEntry* entry = page.add_entries();
        entry->set_sequence(row.seq);
        if (!entry->mutable_event()->ParseFromString(row.body)) {
          return absl::InternalError("a stored event cannot be read");
        }
        entry->set_hash(Hex(row.hash));
        entry->set_previous_hash(Hex(previous));
      }
      previous = row.hash;
    }
    return page;
  }

  static v1::VerifyAuditResponse Verify(store::Reader& reader, std::string_view seller,
                                        const std::string& known) {
    ChainCheck check(known);
    bool whole = true;
    while (whole) {
      const auto rows = reader.ChainAfter(seller, check.checked(), kVerifyPage);
      for (const store::ChainedEvent& row : rows) {
        whole = check.Take(row.seq, row.body, row.hash);
        if (!whole) break;
      }
      if (rows.size() < kVerifyPage) break;
    }
    v1::VerifyAuditResponse response;
    response.set_intact(whole && check.met_known());
    response.set_checked(check.checked());
    response.set_broken_at(check.broken_at());
    if (check.checked() > 0) response.set_last_hash(Hex(check.last()));
    if (!whole) {
      response.set_message(Cat("entry ", check.broken_at(),
                               " is not the one that was recorded, or one is missing before it; "
                               "compare with a backup"));
    } else if (!check.met_known()) {
      response.set_message(
          "the hash that was kept is not in the chain: its end was cut off or written anew");
    }
    return response;
  }

  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAuditService(engine::Engine& engine) {
  return std::make_unique<AuditService>(engine);
}

}  // namespace aftersales::api
