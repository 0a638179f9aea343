;; Ants that forage with a pheromone trail. The colony knows nothing: a trail is laid by ants that carry food home, spreads
;; and fades, and draws the others to the source. Sources are used up and others appear elsewhere, so that a trail that
;; lasts too long misleads and one that fades too fast is never followed.

globals [
  delivered  ;; food brought home since setup
  remaining  ;; food that still lies about
]

patches-own [
  pheromone
  food
]

breed [ ants ant ]

ants-own [
  laden?
  reserve  ;; how much pheromone the next step of a laden ant leaves
]

to setup
  clear-all
  create-ants population [
    set laden? false
    set color red
  ]
  repeat 3 [ add-source ]
  reset-ticks
end

;; A disc of food at a random place around the nest, which is at the origin.
to add-source
  let bearing random-float 360
  let reach 10 + random-float 12
  ask patch (reach * sin bearing) (reach * cos bearing) [
    ask patches in-radius 2 [
      set food food + 6
      set remaining remaining + 6
    ]
  ]
end

to go
  ask ants [
    ifelse laden? [ carry ] [ search ]
  ]
  diffuse pheromone (diffusion-rate / 100)
  ask patches [
    set pheromone pheromone * (1 - evaporation-rate / 100)
  ]
  if remaining < 160 [ add-source ]
  tick
end

;; Without food: take it where it lies, else walk on, rather where it smells.
to search
  ifelse food > 0 [
    set food food - 1
    set remaining remaining - 1
    set laden? true
    set reserve 10
    set color orange
  ] [
    let left-odds attraction -40
    let middle-odds attraction 0
    let right-odds attraction 40
    let draw random-float (left-odds + middle-odds + right-odds)
    ifelse draw < left-odds [
      left 40
    ] [
      if draw >= left-odds + middle-odds [ right 40 ]
    ]
    step
  ]
end

;; How much an ant is drawn to the patch ahead in this direction: the square of what it smells there above a threshold, as
;; measured in Argentine ants.
to-report attraction [ direction ]
  let ahead patch-right-and-ahead direction 1
  if ahead = nobody [ report 0.01 ]
  report (1 + [ pheromone ] of ahead) ^ 2
end

;; With food: straight home, which ants know how to find, leaving less and less pheromone.
to carry
  ifelse distancexy 0 0 < 2 [
    set delivered delivered + 1
    set laden? false
    set color red
    right 180
  ] [
    set pheromone pheromone + reserve
    set reserve reserve * 0.9
    facexy 0 0
    step
  ]
end

to step
  right random-normal 0 12
  if not can-move? 1 [ right 180 ]
  forward 1
end
@#$#@#$#@
GRAPHICS-WINDOW
210
10
629
450
25
25
8.0
1
10
1
1
1
0
0
0
1
-25
25
-25
25
0
0
1
ticks

BUTTON
10
10
95
43
NIL
setup
NIL
1
T
OBSERVER
NIL
NIL
NIL
NIL

BUTTON
105
10
190
43
NIL
go
T
1
T
OBSERVER
NIL
NIL
NIL
NIL

SLIDER
10
55
190
88
population
population
1
300
100
1
1
NIL
HORIZONTAL

SLIDER
10
95
190
128
diffusion-rate
diffusion-rate
0
100
50
0.1
1
%
HORIZONTAL

SLIDER
10
135
190
168
evaporation-rate
evaporation-rate
0
100
10
0.1
1
%
HORIZONTAL

MONITOR
10
180
190
225
food per tick
delivered / ticks
3
1
11

@#$#@#$#@
WHAT IS IT?
-----------
A colony of ants that forages with a pheromone trail, written for the experiment ants.yaml of l2l, which tunes diffusion-rate and evaporation-rate for the most food per tick. The rule by which an ant chooses its way is that of Deneubourg, Aron, Goss and Pasteels (1990), The self-organizing exploratory pattern of the Argentine ant, Journal of Insect Behavior 3, doi:10.1007/BF01417909.


HOW TO USE IT
-------------
Press setup, then go. Red ants search, orange ones carry food home to the middle of the world.
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
