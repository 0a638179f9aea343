;; A walk along a line, in the part of the language that the double of the workspace knows.
globals [ place farthest trail note ]

to setup
  clear-all
  set place start
  set trail []
  reset-ticks
end

to go
  set place place + drift + noise * ((random-float 2) - 1)
  if place > farthest [ set farthest place ]
  tick
end
@#$#@#$#@
GRAPHICS-WINDOW
210
10
318
118
1
1
32.0
1
10
1
1
1
0
1
1
1
-1
1
-1
1
0
0
1
ticks

SLIDER
10
10
190
43
start
start
-10
10
1
0.1
1
NIL
HORIZONTAL

SLIDER
10
50
190
83
drift
drift
-1
1
0.5
0.1
1
m
HORIZONTAL

SLIDER
10
90
190
123
noise
noise
0
1
0.25
0.05
1
NIL
HORIZONTAL

SWITCH
10
130
190
163
loud?
loud?
0
1
-1000

CHOOSER
10
170
190
215
weather
weather
"calm" "windy"
1

INPUTBOX
10
220
190
280
goal
20
1
0
Number

@#$#@#$#@
A model for tests.
@#$#@#$#@
default
true
0
Polygon -7500403 true true 150 5 40 250 150 205 260 250

@#$#@#$#@
NetLogo 4.1.3
@#$#@#$#@
@#$#@#$#@
@#$#@#$#@
@#$#@#$#@
@#$#@#$#@
default
0.0
-0.2 0 1.0 0.0
0.0 1 1.0 0.0
0.2 0 1.0 0.0
link direction
true
0
Line -7500403 true 150 150 90 180
Line -7500403 true 150 150 210 180

@#$#@#$#@
0
@#$#@#$#@
