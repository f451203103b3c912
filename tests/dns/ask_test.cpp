#include "dns/ask.hpp"
