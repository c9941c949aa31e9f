attend_room(record
  SOURCES site.cpp record.cpp map_summary.cpp map_keeping.cpp summary_format.cpp invariants.cpp old_sites.cpp writer.cpp reader.cpp
  KNOWS core)
attend_test(record_tests KNOWS record LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/record/site_test.cpp ${PROJECT_SOURCE_DIR}/tests/record/record_test.cpp ${PROJECT_SOURCE_DIR}/tests/record/record_file_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/record/record_schema_test.cpp ${PROJECT_SOURCE_DIR}/tests/record/map_summary_test.cpp ${PROJECT_SOURCE_DIR}/tests/record/random_record.cpp)
