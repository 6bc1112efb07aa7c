#include "base/log.h"

namespace tombo {

Logger::~Logger() = default;

void NullLogger::write(LogType /*type*/, std::string_view /*line*/) {}

}  // namespace tombo
