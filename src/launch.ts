#!/usr/bin/env node
import { keepCodeCacheAtExit, load } from './load-bundle.js';

keepCodeCacheAtExit();
load('./program.cjs');
