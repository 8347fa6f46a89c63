// `aftersales exchanges` and `aftersales stock`: other goods for returned ones, and what is there.
#include "absl/strings/numbers.h"
#include "aftersales/v1/exchange_service.grpc.pb.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/host/cli/command.h"
#include "core/host/cli/findings.h"
#include "core/host/cli/references.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::ExchangeService::Stub;

struct OfferOptions : Connection {
  std::string reference;
  std::vector<std::string> lines;
  std::vector<std::string> offers;
  bool ship_first = false;
  bool validate_only = false;
};

struct ShowOptions : Connection {
  std::string exchange;
};

struct ListOptions : Connection {
  std::string status;
  std::string channel;
  std::string order;
  std::string reference;
  int limit = 50;
};

struct ChangeOptions : ShowOptions {
  std::string etag;
  bool validate_only = false;
};

struct AcceptOptions : ChangeOptions {
  std::string offer;
};

struct ReasonOptions : ChangeOptions {
  std::string reason;
};

struct ReserveOptions : ChangeOptions {
  std::string location;
  std::vector<std::string> alternatives;
};

struct PayOptions : ChangeOptions {
  std::string amount;
  std::string reference;
  bool to_buyer = false;
};

struct ShipOptions : ChangeOptions {
  std::string carrier;
  std::string tracking_number;
  std::string replacement_order;
};

struct DeliverOptions : ChangeOptions {
  std::string at;
};

struct StockOptions : Connection {
  std::string sku;
  std::string location;
  int quantity = 0;
  std::string as_of;
  int limit = 50;
};

// `SKU`, `SKU:2`, `SKU=64.94USD`, `SKU:2=64.94USD`.
absl::StatusOr<v1::ExchangeOffer> ParseOffer(const std::string& text, const char* option) {
  v1::ExchangeOffer offer;
  std::string what = text;
  const size_t equals = text.rfind('=');
  if (equals != std::string::npos) {
    const absl::StatusOr<v1::Money> price = ParseMoney(text.substr(equals + 1), option);
    if (!price.ok()) return price.status();
    *offer.mutable_price() = *price;
    what.resize(equals);
  }
  const bool counted = what.rfind(':') != std::string::npos;
  const absl::StatusOr<LineQuantity> goods = ParseLineQuantity(what, option);
  if (!goods.ok()) return goods.status();
  offer.set_sku(goods->line_id);
  // Left out, it is as many as are given back.
  if (counted) offer.set_quantity(goods->quantity);
  return offer;
}

template <typename Offers>
absl::Status AddOffers(const std::vector<std::string>& texts, const char* option, Offers* offers) {
  for (const std::string& text : texts) {
    const absl::StatusOr<v1::ExchangeOffer> offer = ParseOffer(text, option);
    if (!offer.ok()) return offer.status();
    *offers->Add() = *offer;
  }
  return absl::OkStatus();
}

Style StyleOf(v1::Exchange::Status status) {
  switch (status) {
    case v1::Exchange::STATUS_COMPLETED:
      return Style::kGood;
    case v1::Exchange::STATUS_RETURN_OVERDUE:
    case v1::Exchange::STATUS_CONVERTED_TO_REFUND:
      return Style::kBad;
    case v1::Exchange::STATUS_ACCEPTED:
    case v1::Exchange::STATUS_RESERVED:
      return Style::kWarn;
    default:
      return Style::kPlain;
  }
}

std::string BalanceText(const v1::Exchange& exchange) {
  const int64_t open = exchange.balance().minor_units();
  if (open == 0) return "";
  const std::string amount =
      FormatMoney(money::Make(open > 0 ? open : -open, exchange.balance().currency_code()));
  return Cat(open > 0 ? "the buyer owes " : "you owe the buyer ", amount);
}

// What the exchange waits for, as the command that does it.
std::string NextStep(const v1::Exchange& exchange) {
  const std::string id(IdOf(exchange.name()));
  switch (exchange.status()) {
    case v1::Exchange::STATUS_OFFERED:
    case v1::Exchange::STATUS_REOFFERED:
      return Cat("exchanges accept ", id, exchange.offers_size() > 1 ? " --offer ID" : "");
    case v1::Exchange::STATUS_ACCEPTED:
      return Cat("exchanges reserve ", id);
    case v1::Exchange::STATUS_AWAITING_PAYMENT:
      return Cat("exchanges pay ", id, " --amount AMOUNT --reference ID");
    case v1::Exchange::STATUS_AWAITING_RETURN:
      return Cat("returns receive ", IdOf(exchange.return_name()));
    case v1::Exchange::STATUS_RESERVED:
      return Cat("exchanges ship ", id, " --carrier NAME --tracking NUMBER");
    case v1::Exchange::STATUS_CONVERTED_TO_REFUND:
      return exchange.refund().empty() ? Cat("refunds issue ", IdOf(exchange.return_name())) : "";
    default:
      return "";
  }
}

void PrintExchange(const Terminal& terminal, const v1::Exchange& exchange) {
  PrintField(terminal, "Exchange", IdOf(exchange.name()), Style::kHeading);
  PrintField(terminal, "Status", Word(exchange.status()), StyleOf(exchange.status()));
  PrintField(terminal, "Goes first",
             exchange.mode() == v1::Exchange::MODE_SHIP_FIRST ? "the replacement" : "the return");
  PrintField(terminal, "Return", IdOf(exchange.return_name()));
  PrintField(terminal, "Order", exchange.order_external_id());
  PrintField(terminal, "Sent as", IdOf(exchange.replacement_order()));
  PrintField(terminal, "Channel", IdOf(exchange.channel()));
  std::string units;
  for (const v1::ExchangeItem& item : exchange.items()) {
    units += Cat(units.empty() ? "" : ", ", item.quantity(), " of line ", item.line_id());
  }
  PrintField(
      terminal, "Given back",
      Cat(units, ", worth ", FormatMoney(exchange.returned_value()), "; ",
          exchange.quantity_returned(), " back, ", exchange.quantity_accepted(), " accepted"));
  PrintField(terminal, "Open", BalanceText(exchange), Style::kWarn);
  if (exchange.has_reservation()) {
    PrintField(terminal, "Stock kept",
               Cat(exchange.reservation().quantity(), " of ", exchange.reservation().sku(), " at ",
                   exchange.reservation().location(), " until ",
                   TimeText(exchange.reservation().until())));
  }
  if (exchange.has_shipment()) {
    PrintField(terminal, "Parcel",
               Cat(exchange.shipment().carrier(), " ", exchange.shipment().tracking_number()));
    PrintField(terminal, "Shipped", TimeText(exchange.shipment().shipped_at()));
    PrintField(terminal, "Delivered", TimeText(exchange.shipment().delivered_at()));
  }
  if (exchange.has_overdue_charge()) {
    PrintField(terminal, "To be charged", FormatMoney(exchange.overdue_charge()), Style::kBad);
  }
  if (exchange.has_refund_quote()) {
    PrintField(terminal, "Refund instead", FormatMoney(exchange.refund_quote().total()));
  }
  PrintField(terminal, "Refund", IdOf(exchange.refund()));
  PrintField(terminal, "Left-over refund", IdOf(exchange.difference_refund()));
  PrintField(terminal, "Waived", exchange.waiver_reason());
  PrintField(terminal, "Reason", exchange.reason());
  PrintField(terminal, "Etag", exchange.etag());
  Table offers({{"OFFER"},
                {"SKU", {}, Table::Fit::kTruncate},
                {"QTY", Table::Align::kRight},
                {"PRICE", Table::Align::kRight},
                {"DIFFERENCE", Table::Align::kRight},
                {"UNTIL (UTC)"}},
               2);
  for (const v1::ExchangeOffer& offer : exchange.offers()) {
    const bool chosen = offer.offer_id() == exchange.chosen_offer_id();
    offers.Add({{Cat(offer.offer_id(), chosen ? " *" : ""), chosen ? Style::kGood : Style::kPlain},
                offer.sku(),
                Cat(offer.quantity()),
                FormatMoney(offer.price()),
                FormatMoney(offer.price_difference()),
                TimeText(offer.expires_at())});
  }
  offers.Print(terminal);
  for (const v1::ExchangePayment& payment : exchange.payments()) {
    terminal.out << "  "
                 << (payment.direction() == v1::ExchangePayment::DIRECTION_FROM_BUYER
                         ? "the buyer paid "
                         : "the buyer got ")
                 << FormatMoney(payment.amount()) << " (" << Printable(payment.reference())
                 << ")\n";
  }
  PrintFindings(terminal, exchange.findings());
  if (const std::string next = NextStep(exchange); !next.empty()) {
    terminal.out << "next: aftersales " << Printable(next) << '\n';
  }
}

absl::StatusOr<int> Present(const Session& session, const v1::Exchange& exchange,
                            bool validate_only) {
  if (session.connection.json) {
    session.PrintJson(exchange);
    return kExitOk;
  }
  PrintExchange(session.terminal, exchange);
  if (validate_only) session.terminal.out << "nothing was changed\n";
  return kExitOk;
}

absl::StatusOr<int> RunOffer(const Session& session, const OfferOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  v1::OfferExchangeRequest request;
  request.set_parent(*seller);
  request.set_validate_only(options.validate_only);
  request.set_return_name(found->name());
  if (options.ship_first) request.set_mode(v1::Exchange::MODE_SHIP_FIRST);
  for (const std::string& text : options.lines) {
    const absl::StatusOr<LineQuantity> line = ParseLineQuantity(text, "--line");
    if (!line.ok()) return line.status();
    v1::ExchangeItem* item = request.add_items();
    item->set_line_id(line->line_id);
    item->set_quantity(line->quantity);
  }
  if (absl::Status s = AddOffers(options.offers, "--offer", request.mutable_offers()); !s.ok()) {
    return s;
  }
  // Without an offer: the same again.
  if (options.offers.empty()) request.add_offers();
  v1::Exchange exchange;
  if (absl::Status s = session.client.Mutate(&Stub::OfferExchange, request, &exchange); !s.ok()) {
    return s;
  }
  return Present(session, exchange, options.validate_only);
}

absl::StatusOr<int> RunShow(const Session& session, const ShowOptions& options) {
  const absl::StatusOr<std::string> name = session.Name("exchanges", options.exchange);
  if (!name.ok()) return name.status();
  v1::GetExchangeRequest request;
  request.set_name(*name);
  v1::Exchange exchange;
  if (absl::Status s = session.client.Call(&Stub::GetExchange, request, &exchange); !s.ok()) {
    return s;
  }
  return Present(session, exchange, false);
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  std::vector<std::string> filter;
  if (!options.status.empty()) {
    const auto status = ParseWord<v1::Exchange::Status>(options.status, "--status");
    if (!status.ok()) return status.status();
    filter.push_back(Cat("status = ", Word(*status)));
  }
  for (const auto& [field, collection, value] :
       {std::tuple{"channel", "channels", &options.channel},
        std::tuple{"order", "orders", &options.order}}) {
    if (value->empty()) continue;
    const absl::StatusOr<std::string> name = session.Name(collection, *value);
    if (!name.ok()) return name.status();
    filter.push_back(Cat(field, " = \"", *name, "\""));
  }
  if (!options.reference.empty()) {
    const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
    if (!found.ok()) return found.status();
    filter.push_back(Cat("return_name = \"", found->name(), "\""));
  }
  v1::ListExchangesRequest request;
  request.set_parent(*seller);
  request.set_filter(absl::StrJoin(filter, " AND "));
  Table table({{"EXCHANGE"},
               {"ORDER"},
               {"STATUS"},
               {"REPLACEMENT", {}, Table::Fit::kTruncate},
               {"OPEN", {}, Table::Fit::kTruncate},
               {"OFFERED"}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListExchanges, request, options.limit,
      [&](const v1::ListExchangesResponse& page) {
        for (const v1::Exchange& exchange : page.exchanges()) {
          if (options.json) {
            session.PrintJson(exchange);
            continue;
          }
          const v1::ExchangeOffer* chosen = ChosenOffer(exchange);
          table.Add({std::string(IdOf(exchange.name())),
                     exchange.order_external_id(),
                     {Word(exchange.status()), StyleOf(exchange.status())},
                     chosen == nullptr ? Cat(exchange.offers_size(), " offered")
                                       : Cat(chosen->quantity(), " x ", chosen->sku()),
                     BalanceText(exchange),
                     DayText(exchange.create_time())});
        }
        return page.exchanges_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No exchanges.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// The frame of every command on one exchange: name it, fill in the rest, call, say how it stands.
template <typename Request>
absl::StatusOr<int> Change(const Session& session, const ChangeOptions& options,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Exchange*),
                           Request request) {
  const absl::StatusOr<std::string> name = session.Name("exchanges", options.exchange);
  if (!name.ok()) return name.status();
  request.set_name(*name);
  request.set_etag(options.etag);
  request.set_validate_only(options.validate_only);
  v1::Exchange exchange;
  if (absl::Status s = session.client.Mutate(method, request, &exchange); !s.ok()) return s;
  return Present(session, exchange, options.validate_only);
}

absl::StatusOr<int> RunAccept(const Session& session, const AcceptOptions& options) {
  v1::AcceptExchangeRequest request;
  request.set_offer_id(options.offer);
  return Change(session, options, &Stub::AcceptExchange, std::move(request));
}

absl::StatusOr<int> RunDecline(const Session& session, const ReasonOptions& options) {
  v1::DeclineExchangeRequest request;
  request.set_reason(options.reason);
  return Change(session, options, &Stub::DeclineExchange, std::move(request));
}

absl::StatusOr<int> RunReserve(const Session& session, const ReserveOptions& options) {
  v1::ReserveExchangeRequest request;
  request.set_location(options.location);
  if (absl::Status s =
          AddOffers(options.alternatives, "--or-offer", request.mutable_alternatives());
      !s.ok()) {
    return s;
  }
  return Change(session, options, &Stub::ReserveExchange, std::move(request));
}

absl::StatusOr<int> RunPay(const Session& session, const PayOptions& options) {
  v1::RecordExchangePaymentRequest request;
  const absl::StatusOr<v1::Money> amount = ParseMoney(options.amount, "--amount");
  if (!amount.ok()) return amount.status();
  *request.mutable_payment()->mutable_amount() = *amount;
  request.mutable_payment()->set_reference(options.reference);
  request.mutable_payment()->set_direction(options.to_buyer
                                               ? v1::ExchangePayment::DIRECTION_TO_BUYER
                                               : v1::ExchangePayment::DIRECTION_FROM_BUYER);
  return Change(session, options, &Stub::RecordExchangePayment, std::move(request));
}

absl::StatusOr<int> RunShip(const Session& session, const ShipOptions& options) {
  v1::ShipExchangeRequest request;
  request.mutable_shipment()->set_carrier(options.carrier);
  request.mutable_shipment()->set_tracking_number(options.tracking_number);
  if (!options.replacement_order.empty()) {
    const absl::StatusOr<std::string> order = session.Name("orders", options.replacement_order);
    if (!order.ok()) return order.status();
    request.set_replacement_order(*order);
  }
  return Change(session, options, &Stub::ShipExchange, std::move(request));
}

absl::StatusOr<int> RunDeliver(const Session& session, const DeliverOptions& options) {
  v1::DeliverExchangeRequest request;
  if (!options.at.empty()) {
    const auto at = ParseTime(options.at, "--at");
    if (!at.ok()) return at.status();
    *request.mutable_delivered_at() = *at;
  }
  return Change(session, options, &Stub::DeliverExchange, std::move(request));
}

absl::StatusOr<int> RunComplete(const Session& session, const ReasonOptions& options) {
  v1::CompleteExchangeRequest request;
  request.set_waiver_reason(options.reason);
  return Change(session, options, &Stub::CompleteExchange, std::move(request));
}

absl::StatusOr<int> RunCancel(const Session& session, const ReasonOptions& options) {
  v1::CancelExchangeRequest request;
  request.set_reason(options.reason);
  return Change(session, options, &Stub::CancelExchange, std::move(request));
}

absl::StatusOr<int> RunSetStock(const Session& session, const StockOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::RecordStockRequest request;
  request.set_parent(*seller);
  v1::StockLevel* level = request.add_stock_levels();
  level->set_sku(options.sku);
  level->set_location(options.location);
  level->set_quantity_on_hand(options.quantity);
  if (!options.as_of.empty()) {
    const auto at = ParseTime(options.as_of, "--at");
    if (!at.ok()) return at.status();
    *level->mutable_as_of() = *at;
  }
  v1::RecordStockResponse response;
  if (absl::Status s = session.client.Mutate(&Stub::RecordStock, request, &response); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(response);
    return kExitOk;
  }
  const v1::StockLevel& now = response.stock_levels(0);
  session.terminal.out << Printable(now.sku()) << " at " << Printable(now.location()) << ": "
                       << now.quantity_on_hand() << " on hand, " << now.quantity_reserved()
                       << " kept for exchanges, " << now.quantity_available() << " available\n";
  return kExitOk;
}

absl::StatusOr<int> RunListStock(const Session& session, const StockOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListStockLevelsRequest request;
  request.set_parent(*seller);
  if (!options.sku.empty()) request.set_filter(Cat("sku = \"", options.sku, "\""));
  Table table({{"SKU", {}, Table::Fit::kTruncate},
               {"LOCATION"},
               {"ON HAND", Table::Align::kRight},
               {"KEPT", Table::Align::kRight},
               {"AVAILABLE", Table::Align::kRight},
               {"COUNTED (UTC)"}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListStockLevels, request, options.limit,
      [&](const v1::ListStockLevelsResponse& page) {
        for (const v1::StockLevel& level : page.stock_levels()) {
          if (options.json) {
            session.PrintJson(level);
            continue;
          }
          table.Add({level.sku(),
                     level.location(),
                     Cat(level.quantity_on_hand()),
                     Cat(level.quantity_reserved()),
                     {Cat(level.quantity_available()),
                      level.quantity_available() < 1 ? Style::kWarn : Style::kPlain},
                     TimeText(level.as_of())});
        }
        return page.stock_levels_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No stock is recorded.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

void AddExchange(CLI::App* command, ShowOptions* options) {
  command->add_option("exchange", options->exchange, "Exchange id or resource name")
      ->option_text("EXCHANGE")
      ->required();
}

void AddChangeOptions(CLI::App* command, ChangeOptions* options) {
  AddExchange(command, options);
  command->add_option("--etag", options->etag, "Change it only if it still has this etag")
      ->option_text("ETAG");
  command->add_flag("--dry-run", options->validate_only, "Say what would happen, change nothing");
  AddConnectionOptions(command, options);
}

void AddManyOption(CLI::App* command, const char* name, std::vector<std::string>* values,
                   const char* text, const char* description) {
  command->add_option(name, *values, description)
      ->option_text(text)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddReason(CLI::App* command, ReasonOptions* options, const char* name, const char* description,
               bool required) {
  CLI::Option* option = command->add_option(name, options->reason, description)
                            ->option_text(required ? "TEXT REQUIRED" : "TEXT");
  if (required) option->required();
}

void AddAnswers(CLI::App* exchanges, Commands& commands) {
  auto accept = std::make_shared<AcceptOptions>();
  CLI::App* accept_command =
      commands.Add(*exchanges, "accept", "Record that the buyer chose an offer",
                   R"(  aftersales exchanges accept EXCHANGE
  aftersales exchanges accept EXCHANGE --offer 2)");
  accept_command->add_option("--offer", accept->offer, "Which, where there are several")
      ->option_text("ID");
  AddChangeOptions(accept_command, accept.get());
  commands.RunWith(accept_command, accept, &RunAccept);

  auto decline = std::make_shared<ReasonOptions>();
  CLI::App* decline_command =
      commands.Add(*exchanges, "decline", "Record that the buyer wants none of it",
                   "  aftersales exchanges decline EXCHANGE --reason \"wants the money\"");
  AddReason(decline_command, decline.get(), "--reason", "Why", false);
  AddChangeOptions(decline_command, decline.get());
  commands.RunWith(decline_command, decline, &RunDecline);

  auto cancel = std::make_shared<ReasonOptions>();
  CLI::App* cancel_command =
      commands.Add(*exchanges, "cancel", "Take back an exchange that is not shipped",
                   "  aftersales exchanges cancel EXCHANGE --reason \"the buyer wants the money\"");
  AddReason(cancel_command, cancel.get(), "--reason", "Why", true);
  AddChangeOptions(cancel_command, cancel.get());
  commands.RunWith(cancel_command, cancel, &RunCancel);
}

void AddGoods(CLI::App* exchanges, Commands& commands) {
  auto reserve = std::make_shared<ReserveOptions>();
  CLI::App* reserve_command =
      commands.Add(*exchanges, "reserve", "Keep stock for an exchange that the buyer accepted",
                   R"(  aftersales exchanges reserve EXCHANGE
  aftersales exchanges reserve EXCHANGE --location reno
  aftersales exchanges reserve EXCHANGE --or-offer SKU-3=59.99USD
Where there is not enough, the exchange becomes a refund, or the other offers are made.)");
  reserve_command->add_option("--location", reserve->location, "Only from this place")
      ->option_text("NAME");
  AddManyOption(reserve_command, "--or-offer", &reserve->alternatives, "SKU[:N]=PRICE",
                "Offer this where the stock is not enough");
  AddChangeOptions(reserve_command, reserve.get());
  commands.RunWith(reserve_command, reserve, &RunReserve);

  auto ship = std::make_shared<ShipOptions>();
  CLI::App* ship_command = commands.Add(
      *exchanges, "ship", "Record that the replacement was handed to the carrier",
      R"(  aftersales exchanges ship EXCHANGE --carrier DHL --tracking 00340434161094042557
  aftersales exchanges ship EXCHANGE --carrier DHL --tracking JD01 --sent-as 113-7)");
  ship_command->add_option("--carrier", ship->carrier, "Carrier")
      ->option_text("NAME REQUIRED")
      ->required();
  ship_command->add_option("--tracking", ship->tracking_number, "Number of the parcel")
      ->option_text("NUMBER REQUIRED")
      ->required();
  ship_command
      ->add_option("--sent-as", ship->replacement_order, "Order under which the replacement goes")
      ->option_text("ORDER");
  AddChangeOptions(ship_command, ship.get());
  commands.RunWith(ship_command, ship, &RunShip);

  auto deliver = std::make_shared<DeliverOptions>();
  CLI::App* deliver_command =
      commands.Add(*exchanges, "deliver", "Record that the replacement arrived",
                   "  aftersales exchanges deliver EXCHANGE --at 2026-03-10T14:00:00Z");
  deliver_command->add_option("--at", deliver->at, "When; now by default")->option_text("TIME");
  AddChangeOptions(deliver_command, deliver.get());
  commands.RunWith(deliver_command, deliver, &RunDeliver);

  auto complete = std::make_shared<ReasonOptions>();
  CLI::App* complete_command = commands.Add(
      *exchanges, "complete", "End a shipped exchange whose goods are accepted, paid or waived",
      R"(  aftersales exchanges complete EXCHANGE
  aftersales exchanges complete EXCHANGE --waive "not worth the postage" --as manager:mia)");
  AddReason(complete_command, complete.get(), "--waive",
            "Why the goods need not come back; with --as manager", false);
  AddChangeOptions(complete_command, complete.get());
  commands.RunWith(complete_command, complete, &RunComplete);

  auto pay = std::make_shared<PayOptions>();
  CLI::App* pay_command =
      commands.Add(*exchanges, "pay", "Record money that went between buyer and seller",
                   R"(  aftersales exchanges pay EXCHANGE --amount 10.83USD --reference ch_1
  aftersales exchanges pay EXCHANGE --amount 10.83USD --reference re_1 --to-buyer)");
  pay_command->add_option("--amount", pay->amount, "How much")
      ->option_text("AMOUNT REQUIRED")
      ->required();
  pay_command->add_option("--reference", pay->reference, "Id of the payment; never card data")
      ->option_text("ID REQUIRED")
      ->required();
  pay_command->add_flag("--to-buyer", pay->to_buyer, "The seller paid; else the buyer did");
  AddChangeOptions(pay_command, pay.get());
  commands.RunWith(pay_command, pay, &RunPay);
}

void AddStock(CLI::App& app, Commands& commands) {
  CLI::App* stock = app.add_subcommand("stock", "Say what is there to exchange for");
  stock->require_subcommand(1);

  auto set = std::make_shared<StockOptions>();
  CLI::App* set_command =
      commands.Add(*stock, "set", "Record how much is there of a SKU at a place",
                   "  aftersales stock set SKU-2 reno 25");
  set_command->add_option("sku", set->sku, "SKU")->option_text("SKU")->required();
  set_command->add_option("location", set->location, "A warehouse's name")
      ->option_text("LOCATION")
      ->required();
  set_command->add_option("quantity", set->quantity, "Units on hand, those kept included")
      ->option_text("N")
      ->required();
  set_command->add_option("--at", set->as_of, "When it was counted; now by default")
      ->option_text("TIME");
  AddConnectionOptions(set_command, set.get());
  commands.RunWith(set_command, set, &RunSetStock);

  auto list = std::make_shared<StockOptions>();
  CLI::App* list_command = commands.Add(*stock, "list", "List what is there, by SKU and place",
                                        "  aftersales stock list --sku SKU-2");
  list_command->add_option("--sku", list->sku, "Only this SKU")->option_text("SKU");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunListStock);
}

}  // namespace

void AddExchanges(CLI::App& app, Commands& commands) {
  CLI::App* exchanges =
      app.add_subcommand("exchanges", "Offer, reserve, ship and settle replacements");
  exchanges->require_subcommand(1);

  auto offer = std::make_shared<OfferOptions>();
  CLI::App* offer_command =
      commands.Add(*exchanges, "offer", "Offer other goods for units of a return",
                   R"(  aftersales exchanges offer RMA                         the same again
  aftersales exchanges offer RMA --offer SKU-2=64.94USD
  aftersales exchanges offer RMA --line LINE:1 --offer SKU-2:1=64.94USD --ship-first
Prices are what the replacement costs the buyer in all, tax included, shipping not.)");
  AddReturnReference(offer_command, &offer->reference);
  AddManyOption(offer_command, "--line", &offer->lines, "LINE:N",
                "Units that are given back; all that are free by default");
  AddManyOption(offer_command, "--offer", &offer->offers, "SKU[:N][=PRICE]",
                "What the buyer may choose");
  offer_command->add_flag("--ship-first", offer->ship_first,
                          "Send the replacement before the goods are back");
  offer_command->add_flag("--dry-run", offer->validate_only,
                          "Say what would happen, change nothing");
  AddConnectionOptions(offer_command, offer.get());
  commands.RunWith(offer_command, offer, &RunOffer);

  AddAnswers(exchanges, commands);
  AddGoods(exchanges, commands);

  auto show = std::make_shared<ShowOptions>();
  CLI::App* show_command =
      commands.Add(*exchanges, "show", "Show one exchange, with what is left to do",
                   "  aftersales exchanges show EXCHANGE");
  AddExchange(show_command, show.get());
  AddConnectionOptions(show_command, show.get());
  commands.RunWith(show_command, show, &RunShow);

  auto list = std::make_shared<ListOptions>();
  CLI::App* list_command = commands.Add(*exchanges, "list", "List exchanges, newest first",
                                        R"(  aftersales exchanges list --status reserved
  aftersales exchanges list --return RMA)");
  list_command->add_option("--status", list->status, "Only in this state")
      ->option_text("offered|accepted|reserved|shipped|...");
  list_command->add_option("--channel", list->channel, "Only this channel")->option_text("ID");
  list_command->add_option("--order", list->order, "Only of this order")->option_text("ID");
  list_command->add_option("--return", list->reference, "Only of this return")
      ->option_text("RETURN");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunList);

  AddStock(app, commands);
}

}  // namespace aftersales::cli
