import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dateOfName } from '../../../core/metadata/file-name.ts';
import { instantDate, parseCompactDate, parseDate, parseWrittenDate } from '../../../core/metadata/parse-date.ts';

describe('a date', () => {
  it('keeps the clock where it was written, in whatever form', () => {
    for (const text of [
      '2019:07:05 12:00:00',
      '2019-07-05 12:00:00',
      '2019-07-05T12:00:00',
      '2019/07/05 12:00:00',
      '2019.07.05 12:00',
      '2019: 7: 5 12: 0: 0',
      '2019:7:5 12:0:0',
    ]) {
      assert.equal(parseDate(text), '2019-07-05T12:00:00.000', text);
    }
    assert.equal(parseDate('2019:07:05'), '2019-07-05T00:00:00.000');
    assert.equal(parseDate('1987-05'), '1987-05-01T00:00:00.000');
    assert.equal(parseDate('1901'), '1901-01-01T00:00:00.000');
    assert.equal(parseDate('2016:12:31 23:59:60'), '2016-12-31T23:59:59.000');
    assert.equal(parseDate('2019:02:28 24:00:00', '+01:00'), '2019-03-01T00:00:00.000+01:00');
  });

  it('keeps the offset in whatever form, its own before that of another field', () => {
    const at = '2019:07:05 12:00:00';
    for (const offset of ['+02:00', '+0200', '+2:00', '+02', '+2', ' +02:00 ']) {
      assert.equal(parseDate(at, offset), '2019-07-05T12:00:00.000+02:00', offset);
    }
    assert.equal(parseDate(at, '-0330'), '2019-07-05T12:00:00.000-03:30');
    assert.equal(parseDate(at, '-08:30'), '2019-07-05T12:00:00.000-08:30');
    assert.equal(parseDate('2019-07-05T12:00:00.25+02:00', '+09:00'), '2019-07-05T12:00:00.250+02:00');
    assert.equal(parseDate('2019-07-05T12:00:00Z'), '2019-07-05T12:00:00.000+00:00');
    for (const offset of ['+99:00', '+2:75', 'CEST', '   :  ', '']) {
      assert.equal(parseDate(at, offset), '2019-07-05T12:00:00.000', offset);
    }
  });

  it('is none when there is no such day, or a clock only began', () => {
    for (const text of [
      '0000:00:00 00:00:00',
      '2023:02:30 10:00:00',
      '2023:13:01 10:00:00',
      '2023:01:01 25:00:00',
      '2023:01:01 24:00:01',
      '2023:02:29 24:00:00',
      '    :  :     :  :  ',
      '1904:01:01 00:00:00',
      '1970:01:01 00:03:12',
      '1980:01:01 00:00:00',
      '9999:12:31 23:59:59',
      'yesterday',
      '20190705120000',
      '',
    ]) {
      assert.equal(parseDate(text), null, text);
    }
    assert.equal(instantDate(new Date(0)), null);
    assert.equal(instantDate(new Date(Number.NaN)), null);
  });

  it('is read as IPTC and as letters have it', () => {
    assert.equal(parseCompactDate('20190705', '233000+0200'), '2019-07-05T23:30:00.000+02:00');
    assert.equal(parseCompactDate('19870500'), '1987-05-01T00:00:00.000');
    assert.equal(parseCompactDate('00000000'), null);
    assert.equal(parseWrittenDate('Fri, 05 Jul 2019 23:30:00 +0200'), '2019-07-05T23:30:00.000+02:00');
    assert.equal(parseWrittenDate('5 July 2019 23:30:00 GMT'), '2019-07-05T23:30:00.000+00:00');
    assert.equal(parseWrittenDate('2019-07-05T10:00:00'), '2019-07-05T10:00:00.000');
  });
});

describe('the date in a name', () => {
  it('is found as cameras, telephones and messengers write it', () => {
    const names: Record<string, string> = {
      'IMG_20190704_123005.jpg': '2019-07-04T12:30:05.000',
      'MVIMG_20190704_123005.jpg': '2019-07-04T12:30:05.000',
      '2019-07-04 12.30.05.jpg': '2019-07-04T12:30:05.000',
      'IMG-20190704-WA0001.jpg': '2019-07-04T00:00:00.000',
      'WhatsApp Image 2019-07-04 at 1.30.05 PM.jpeg': '2019-07-04T13:30:05.000',
      'Screenshot_20190704-123005.png': '2019-07-04T12:30:05.000',
      'Screenshot_2019-07-04-12-30-05-123_com.app.png': '2019-07-04T12:30:05.000',
      'Bildschirmfoto 2019-07-04 um 12.30.05.png': '2019-07-04T12:30:05.000',
      'PXL_20190704_103005123.MP.jpg': '2019-07-04T10:30:05.123+00:00',
      'signal-2019-07-04-123005.jpg': '2019-07-04T12:30:05.000',
      '20190704123005.jpg': '2019-07-04T12:30:05.000',
      'FB_IMG_1562236205123.jpg': '2019-07-04T10:30:05.123+00:00',
      'mmexport1562236205123.jpg': '2019-07-04T10:30:05.123+00:00',
      '1562236205123(1).jpg': '2019-07-04T10:30:05.123+00:00',
      '1965-08-12 Oma.jpg': '1965-08-12T00:00:00.000',
      'a/b/20190704_993005.jpg': '2019-07-04T00:00:00.000',
    };
    for (const [name, expected] of Object.entries(names)) assert.equal(dateOfName(name), expected, name);
  });

  it('is none in numbers that only look like one, and in the names of folders', () => {
    for (const name of [
      'DSC_0001.jpg',
      '12345201907041234.jpg',
      'IMG_20191304_123005.jpg',
      '19650812.jpg',
      '2019-07-04/x.jpg',
      'IMG_2019.jpg',
      '99999999.jpg',
      'received_1562236205123.jpg',
      '15622362051234.jpg',
      '9999999999999.jpg',
      'IMG_1999999999999.jpg',
    ]) {
      assert.equal(dateOfName(name), null, name);
    }
  });
});
