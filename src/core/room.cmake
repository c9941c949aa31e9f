find_package(ZLIB REQUIRED)
attend_room(core
  SOURCES error.cpp options.cpp option_readers.cpp config.cpp files.cpp destination.cpp atomic.cpp archive.cpp npy.cpp memory.cpp json.cpp yaml.cpp printable.cpp safetensors.cpp zip.cpp random.cpp
  LIBS fmt::fmt yaml-cpp nlohmann_json::nlohmann_json PkgConfig::xxhash ZLIB::ZLIB Threads::Threads)
attend_test(core_tests KNOWS core LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/core/error_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/options_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/core/random_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/files_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/atomic_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/core/archive_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/safetensors_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/core/hostile_bytes_test.cpp ${PROJECT_SOURCE_DIR}/tests/core/bounded_test.cpp)
