#pragma once

// ldns/common.h defines bool, false and true as macros, also in C++ and so that the standard
// library no longer compiles behind it, unless <stdbool.h> came first.
#include <stdbool.h>  // NOLINT(modernize-deprecated-headers)

#include <ldns/ldns.h>
