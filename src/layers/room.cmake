attend_room(layers TORCH SOURCES basic.cpp recurrent.cpp KNOWS attention)
