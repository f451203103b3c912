#pragma once

#include <string_view>

// The page that stands in this folder as index.html, style.css and page.js, in one piece.
namespace withdrawd::daemon::page {

/// Has "@verdict@" where a browser without JavaScript is to read the verdict.
extern const std::string_view html;
/// The header to send with it.
extern const std::string_view content_security_policy;

}  // namespace withdrawd::daemon::page
