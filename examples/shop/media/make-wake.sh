#!/usr/bin/env bash
# Draws wake.webm: twelve seconds of a boat that crosses the evening, each pixel computed by ffmpeg's geq from its place
# (X, Y) and the time T. Nothing is filmed and nothing is taken from elsewhere.
set -euo pipefail
cd "$(dirname "$0")"

boat='-70+T*62'
deck='214+3*sin(T*2)'
hull="between(Y,$deck,$deck+24)*lt(abs(X-($boat)),58-0.8*(Y-$deck))"
white_sail="between(X-($boat),4,50)*between(Y,$deck-104+2.1*(X-($boat)-4),$deck-7)"
red_sail="between(($boat)-X,4,42)*between(Y,$deck-84+2*(($boat)-X-4),$deck-7)"
mast="lt(abs(X-($boat)),2.5)*between(Y,$deck-110,$deck)"
behind="(($boat)-56-X)"
foam="gt($behind,0)*lt(abs(abs(Y-236)-0.12*$behind),1.6)*lt($behind,420)*gt(Y,215)"
sun="lt(hypot(X-455,Y-128),44)"
near="gt(Y,292+9*sin(X/47-T*1.7))"
middle="gt(Y,246+7*sin(X/36+T*1.2))"
far="gt(Y,205+2*sin(X/60+T*0.7))"

# One channel: hull, sails, mast, foam, three bands of sea, sun, sky from top to horizon.
channel() {
    echo "if($hull,$1,if($white_sail,$2,if($red_sail,$3,if($mast,$4,if($foam,$5,if($near,$6,if($middle,$7,if($far,$8,if($sun,$9,${10}+(${11})*Y/205)))))))))"
}
r=$(channel 18 255 228 91 235 18 31 72 255 244 -2)
g=$(channel 38 250 87 75 246 72 105 146 214 170 40)
b=$(channel 58 238 46 47 248 96 136 168 128 118 52)

ffmpeg -v error -y -f lavfi -i "nullsrc=s=640x360:r=12:d=12,format=gbrp,geq=r='$r':g='$g':b='$b'" \
    -pix_fmt yuv420p -c:v libvpx-vp9 -b:v 0 -crf 44 -g 72 -row-mt 1 -deadline good -cpu-used 2 -an wake.webm
stat -c '%n: %s bytes' wake.webm
