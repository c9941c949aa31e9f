attend_room(decode TORCH SOURCES search.cpp maps.cpp translator.cpp evaluate.cpp KNOWS store measure)
