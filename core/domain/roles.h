// Who may ask for what: the roles of each method that changes something.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "aftersales/v1/common.pb.h"

namespace aftersales {

// Whether somebody in this role may call a method such as `ReturnService/ApproveReturn`. A method
// that the table does not know is for operators and managers. What more it takes, such as a manager
// against the policy, is for the guards of the method. PERMISSION_DENIED `ROLE_REQUIRED`.
absl::Status CheckRole(std::string_view method, v1::Role role);

// Whether two actors have one name. `Olga` is `olga`, so that nobody is two by how they write
// themselves.
bool SamePerson(const v1::Actor& one, const v1::Actor& other);

// Whether the table knows a method.
bool HasRoles(std::string_view method);

}  // namespace aftersales
