// In which ways the goods of a return may come back, and what each is expected to cost.
#pragma once

#include "aftersales/v1/return.pb.h"
#include "aftersales/v1/return_service.pb.h"
#include "core/domain/return_guards.h"

namespace aftersales {

// Whether the buyer may keep the goods: every line's policy has to grant it.
v1::ReturnOptions::Returnless ReturnlessOption(const v1::Return& state, const Deciding& deciding);

// All labels and routes, each with the reason why or why not. `deciding.order` may be null.
v1::ReturnOptions ReturnOptionsOf(const v1::Return& state, const Deciding& deciding);

// LOCAL for an address in the marketplace's country, ORIGIN for one elsewhere.
v1::ReturnRoute RouteTo(const v1::Channel& channel, const v1::ReturnAddress& address);

}  // namespace aftersales
