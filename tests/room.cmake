# Tests of the repository itself, not of one room.
attend_test(layout_test KNOWS core LABELS unit SOURCES ${PROJECT_SOURCE_DIR}/tests/layout_test.cpp)
