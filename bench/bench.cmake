# Programs that time; the runners beside them pair them with their peers.
add_executable(attend_train_speed EXCLUDE_FROM_ALL bench/train_speed.cpp)
target_link_libraries(attend_train_speed PRIVATE attend::train nlohmann_json::nlohmann_json attend_flags)
target_precompile_headers(attend_train_speed REUSE_FROM attend_ops)
target_compile_options(attend_train_speed PRIVATE -fPIC)
