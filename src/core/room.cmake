attend_room(core
  SOURCES error.cpp options.cpp config.cpp files.cpp archive.cpp random.cpp
  LIBS fmt::fmt yaml-cpp nlohmann_json::nlohmann_json PkgConfig::xxhash Threads::Threads)
attend_test(core_tests KNOWS core LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/core/error_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/options_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/core/files_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/archive_test.cpp)
