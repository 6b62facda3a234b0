/** Pretendard's dynamic subset, for the characters that data may have and our own words do not. Loaded when the page is idle. */
import "pretendard/dist/web/variable/pretendardvariable-dynamic-subset.css";
